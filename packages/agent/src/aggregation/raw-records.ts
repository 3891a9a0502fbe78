/**
 * The raw records that add up to a context: what a dead letter holds of one that couldn't become ready metrics, so that
 * it can be requeued once the reason is gone.
 *
 * What the datadog wrapper makes of them is what it would have made of those that were stored. For gauges and rates the
 * number of samples, which the simple wrapper counts, is lost.
 */
import { type DistinctElement, SAMPLES_TYPE, type Seconds } from "@chouette-iot/record";
import type { Context } from "./context.js";

/** @param start of the context's window. Returns JSON, a text for each record. */
export function rawRecords({ metric, tags, type, sum }: Context, start: Seconds): readonly string[] {
  const record = (value: string | number, timestamp = start) =>
    `{"metric":${JSON.stringify(metric)},"type":"${type}","value":${value},"timestamp":${timestamp},"tags":${tagsJson(tags)}}`;
  const samplesRecord = (weighted: readonly number[]) => {
    const pairs = weighted.flatMap((value, index) => (index % 2 === 0 ? [[value, weighted[index + 1]]] : []));
    return `{"metric":${JSON.stringify(metric)},"type":"${SAMPLES_TYPE}","value":${JSON.stringify(pairs)},"timestamp":${start},"tags":${tagsJson(tags)}}`;
  };
  switch (type) {
    case "count":
    case "rate":
      return [record(sum.total)];
    case "gauge":
      return [record(sum.latest, sum.at ?? start)];
    case "set":
      return [record(`[${Array.from(sum.elements, elementJson).join(",")}]`)];
    case "histogram":
    case "distribution":
      return [
        ...sum.samples.map((sample) => record(sample)),
        ...(sum.weighted.length === 0 ? [] : [samplesRecord(sum.weighted)]),
      ];
    default:
      return type satisfies never;
  }
}

function elementJson(element: DistinctElement): string {
  return typeof element === "bigint" ? `${element}` : JSON.stringify(element);
}

/** An object has one value for each name. A second one becomes a name without a value, which is the same tag. */
function tagsJson(tags: readonly string[]): string {
  const byName = new Map<string, string>();
  for (const tag of tags) {
    const colon = tag.indexOf(":");
    const name = tag.slice(0, colon);
    if (colon === -1 || byName.has(name)) byName.set(tag, "");
    else byName.set(name, tag.slice(colon + 1));
  }
  return JSON.stringify(Object.fromEntries(byName));
}
