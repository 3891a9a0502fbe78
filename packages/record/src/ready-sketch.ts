/**
 * A ready sketch: the result of a closed window of a distribution, as it is sent to Datadog. It has its own queue, since the
 * original agent would send it to an endpoint that rejects it.
 */
import { bad, decode } from "./decode.js";
import type { Fields } from "./json.js";
import { hostOf } from "./ready-metric.js";
import type { Result } from "./result.js";
import { fromPlainSketch, type Sketch, toPlainSketch } from "./sketch.js";
import { isTagList } from "./tags.js";
import { isTime, type Seconds, seconds } from "./time.js";

export interface ReadySketch {
  readonly metric: string;
  /** `["key:value", …]`, sorted. */
  readonly tags: readonly string[];
  readonly at: Seconds;
  readonly sketch: Readonly<Sketch>;
  /** The agent's host if it has none. */
  readonly host?: string;
}

/** The JSON of a ready sketch. Its time is in `points`, as in every ready metric. */
export function encodeReadySketch({ metric, tags, at, sketch, host }: ReadySketch): string {
  return JSON.stringify({ metric, tags, points: [[at, toPlainSketch(sketch)]], host });
}

/** A ready sketch, or the reason why the text isn't one. Never throws. */
export function decodeReadySketch(text: string): Result<ReadySketch> {
  return decode(text, readReadySketch);
}

function readReadySketch(fields: Fields): Result<ReadySketch> {
  const { metric, tags, points } = fields;
  if (typeof metric !== "string" || metric === "") return bad("metric", "a name", metric);
  if (!isTagList(tags)) return bad("tags", 'a list of "name:value"', tags);
  const [point, ...others]: readonly unknown[] = Array.isArray(points) ? points : [];
  const [at, plain]: readonly unknown[] = Array.isArray(point) ? point : [];
  const sketch = fromPlainSketch(plain);
  if (typeof at !== "number" || !isTime(at) || sketch === undefined || others.length > 0)
    return bad("points", "one [seconds, sketch]", points);
  return { ok: true, value: { metric, tags, at: seconds(at), sketch, ...hostOf(fields) } };
}
