/**
 * The raw records that add up to a context: the dead letters of a context that couldn't become ready metrics, so that it
 * can be requeued once the cause is fixed.
 *
 * Promises: the datadog wrapper makes the same ready metrics of them as of the original records. A large set becomes
 * several records, since a queue can't return a value that is too long. What it loses: the number of samples of gauges
 * and rates, which the simple wrapper needs.
 */
import {
  type DistinctElement,
  SAMPLES_TYPE,
  type Seconds,
  SKETCH_TYPE,
  tagsByName,
  toPlainSketch,
} from "@chouette-iot/record";
import type { Context } from "./context.js";

const MAX_ELEMENTS = 1_000;
/** In characters, of up to three bytes each; a queue returns no value of more than 2 MiB. */
const MAX_LENGTH = 500_000;

/**
 * @param start of the context's window
 * @returns one JSON text per record
 */
export function rawRecords({ metric, tags, type, sum }: Context, start: Seconds): readonly string[] {
  const ownRecord = (recordType: string, value: string | number, timestamp = start) =>
    `{"metric":${JSON.stringify(metric)},"type":"${recordType}","value":${value},"timestamp":${timestamp},"tags":${JSON.stringify(tagsByName(tags))}}`;
  const record = (value: string | number, timestamp = start) => ownRecord(type, value, timestamp);
  const samplesRecord = (weighted: readonly number[]) => {
    const pairs = weighted.flatMap((value, index) => (index % 2 === 0 ? [[value, weighted[index + 1]]] : []));
    return ownRecord(SAMPLES_TYPE, JSON.stringify(pairs));
  };
  switch (type) {
    case "count":
    case "rate":
      return [record(sum.total)];
    case "gauge":
      return [record(sum.latest, sum.at ?? start)];
    case "set":
      return chunksOf(Array.from(sum.elements, elementJson)).map((chunk) => record(`[${chunk.join(",")}]`));
    case "distribution":
      return [ownRecord(SKETCH_TYPE, JSON.stringify(toPlainSketch(sum)))];
    case "histogram":
      return [
        ...sum.samples.map((sample) => record(sample)),
        ...(sum.weighted.length === 0 ? [] : [samplesRecord(sum.weighted)]),
      ];
    default:
      return type satisfies never;
  }
}

/** Chunks of a size that a client's record may have. A single element longer than that is a chunk, too. */
function chunksOf(elements: readonly string[]): readonly (readonly string[])[] {
  const chunks: string[][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const element of elements) {
    const isFull = (chunks.at(-1)?.length ?? 0) >= MAX_ELEMENTS || length + element.length > MAX_LENGTH;
    if (isFull) {
      chunks.push([]);
      length = 0;
    }
    chunks.at(-1)?.push(element);
    length += element.length + 1;
  }
  return chunks.length === 0 ? [[]] : chunks;
}

function elementJson(element: DistinctElement): string {
  return typeof element === "bigint" ? `${element}` : JSON.stringify(element);
}
