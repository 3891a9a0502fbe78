/**
 * The Datadog output for distributions: sketches as the protobuf message of `POST /api/beta/sketches`.
 *
 *     SketchPayload { repeated Sketch sketches = 1; CommonMetadata metadata = 2 }
 *     Sketch        { string metric = 1; string host = 2; repeated string tags = 4; repeated Dogsketch dogsketches = 7 }
 *     Dogsketch     { int64 ts = 1; int64 cnt = 2; double min = 3; max = 4; avg = 5; sum = 6;
 *                     repeated sint32 k = 7 packed; repeated uint32 n = 8 packed }
 *
 * (Source: agent-payload, agent_payload.proto. The limits are those of the series.)
 */
import { type ReadySketch, type Sketch, sortedBins } from "@chouette-iot/record";
import { type DatadogAccess, datadogOutput } from "./datadog-post.js";
import type { Output } from "./output.js";
import { ProtobufWriter } from "./protobuf-writer.js";

const PAYLOAD = { sketches: 1, metadata: 2 } as const;
const SKETCH = { metric: 1, host: 2, tags: 4, dogsketches: 7 } as const;
const DOGSKETCH = { ts: 1, cnt: 2, min: 3, max: 4, avg: 5, sum: 6, k: 7, n: 8 } as const;
const LIMITS = {
  encodings: ["zstd", "deflate"],
  maxSentBytes: 512_000,
  maxInflatedBytes: 5_242_880,
} as const;
const MAX_UINT32 = 0xffff_ffff;

export function datadogSketches(access: DatadogAccess): Output<ReadySketch> {
  const endpoint = { ...LIMITS, url: `${access.apiUrl}/beta/sketches` };
  return datadogOutput(endpoint, "application/x-protobuf", access, encodeSketchPayload);
}

/** Last field first: the writer works backwards. @param agentHost the host of sketches without one; "" for none */
export function encodeSketchPayload(sketches: readonly ReadySketch[], agentHost: string): Buffer {
  const writer = new ProtobufWriter();
  writer.message(PAYLOAD.metadata, writer.written);
  for (const { metric, tags, at, sketch, host = agentHost } of sketches.toReversed()) {
    const before = writer.written;
    writeDogsketch(writer, at, sketch);
    for (const tag of tags.toReversed()) writer.string(SKETCH.tags, tag);
    if (host !== "") writer.string(SKETCH.host, host);
    writer.string(SKETCH.metric, metric);
    writer.message(PAYLOAD.sketches, before);
  }
  return writer.finish();
}

function writeDogsketch(writer: ProtobufWriter, at: number, sketch: Readonly<Sketch>): void {
  const before = writer.written;
  const { keys, counts } = binsOf(sketch);
  writer.packedIntegers(DOGSKETCH.n, counts);
  writer.packedSigned(DOGSKETCH.k, keys);
  writer.double(DOGSKETCH.sum, sketch.sum);
  writer.double(DOGSKETCH.avg, sketch.sum / sketch.count);
  writer.double(DOGSKETCH.max, sketch.max);
  writer.double(DOGSKETCH.min, sketch.min);
  writer.integer(DOGSKETCH.cnt, sketch.count);
  writer.integer(DOGSKETCH.ts, Math.floor(at));
  writer.message(SKETCH.dogsketches, before);
}

/** A count over 32 bits becomes several bins with the same key, as in the Datadog Agent. */
function binsOf(sketch: Readonly<Sketch>): {
  readonly keys: readonly number[];
  readonly counts: readonly number[];
} {
  const keys: number[] = [];
  const counts: number[] = [];
  for (const [key, count] of sortedBins(sketch)) {
    for (let left = count; left > 0; left -= MAX_UINT32) {
      keys.push(key);
      counts.push(Math.min(left, MAX_UINT32));
    }
  }
  return { keys, counts };
}
