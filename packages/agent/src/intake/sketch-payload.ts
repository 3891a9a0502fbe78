/**
 * Reads and validates the protobuf message of `POST /api/beta/sketches`:
 *
 *     SketchPayload { repeated Sketch sketches = 1; CommonMetadata metadata = 2 }
 *     Sketch        { string metric = 1; string host = 2; repeated string tags = 4; repeated Dogsketch dogsketches = 7 }
 *     Dogsketch     { int64 ts = 1; int64 cnt = 2; double min = 3; max = 4; avg = 5; sum = 6;
 *                     repeated sint32 k = 7 packed; repeated uint32 n = 8 packed }
 *
 * Datadog accepts anything. This is stricter, to find a wrong encoder: keys must increase, counts must add up, the highest key
 * must be that of the maximum, and the average must be the sum divided by the count.
 */
import { MAX_BINS, type Result, type Sketch, sketchKey } from "@chouette-iot/record";
import {
  double,
  FIXED_64,
  inner,
  key,
  LENGTH_DELIMITED,
  Malformed,
  type Message,
  readMessage,
  signed,
  skip,
  string,
  VARINT,
  varint,
} from "./protobuf-reader.js";

export interface SubmittedSketch {
  readonly metric: string;
  /** "" if the sketch has none. */
  readonly host: string;
  readonly tags: readonly string[];
  /** Unix time. */
  readonly at: number;
  readonly sketch: Sketch;
}

interface Dogsketch {
  ts: number;
  cnt: number;
  min: number;
  max: number;
  avg: number;
  sum: number;
  readonly k: number[];
  readonly n: number[];
}

const SKETCHES = key(1, LENGTH_DELIMITED);
const METRIC = key(1, LENGTH_DELIMITED);
const HOST = key(2, LENGTH_DELIMITED);
const TAGS = key(4, LENGTH_DELIMITED);
const DOGSKETCHES = key(7, LENGTH_DELIMITED);
const TS = key(1, VARINT);
const CNT = key(2, VARINT);
const DOUBLES = new Map<number, "min" | "max" | "avg" | "sum">([
  [key(3, FIXED_64), "min"],
  [key(4, FIXED_64), "max"],
  [key(5, FIXED_64), "avg"],
  [key(6, FIXED_64), "sum"],
]);
const K = key(7, LENGTH_DELIMITED);
const N = key(8, LENGTH_DELIMITED);

export function readSketchPayload(body: Buffer): Result<readonly SubmittedSketch[]> {
  return readMessage(body, payload, "a sketch payload");
}

function payload(message: Message): readonly SubmittedSketch[] {
  const all: SubmittedSketch[] = [];
  while (message.at < message.end) {
    const field = varint(message);
    if (field === SKETCHES) for (const found of series(inner(message))) all.push(found);
    else skip(message, field);
  }
  return all;
}

function series(message: Message): readonly SubmittedSketch[] {
  const tags: string[] = [];
  const found: Dogsketch[] = [];
  let metric = "";
  let host = "";
  while (message.at < message.end) {
    const field = varint(message);
    if (field === METRIC) metric = string(message);
    else if (field === HOST) host = string(message);
    else if (field === TAGS) tags.push(string(message));
    else if (field === DOGSKETCHES) found.push(dogsketch(inner(message)));
    else skip(message, field);
  }
  if (metric === "") throw new Malformed("a sketch has no metric");
  return found.map((sketch) => ({ metric, host, tags, at: sketch.ts, sketch: validate(metric, sketch) }));
}

function dogsketch(message: Message): Dogsketch {
  const sketch: Dogsketch = { ts: 0, cnt: 0, min: 0, max: 0, avg: 0, sum: 0, k: [], n: [] };
  while (message.at < message.end) {
    const field = varint(message);
    const name = DOUBLES.get(field);
    if (name !== undefined) sketch[name] = double(message);
    else if (field === TS) sketch.ts = varint(message);
    else if (field === CNT) sketch.cnt = varint(message);
    else if (field === K) readPacked(inner(message), (number) => sketch.k.push(signed(number)));
    else if (field === N) readPacked(inner(message), (number) => sketch.n.push(number));
    else skip(message, field);
  }
  return sketch;
}

function readPacked(message: Message, add: (number: number) => void): void {
  while (message.at < message.end) add(varint(message));
}

/** @throws Malformed */
function validate(metric: string, { cnt, min, max, avg, sum, k, n }: Dogsketch): Sketch {
  const wrong = (what: string) => new Malformed(`${metric}: ${what}`);
  if (k.length === 0 || k.length !== n.length) throw wrong(`${k.length} keys and ${n.length} counts`);
  const bins = new Map<number, number>();
  for (const [index, found] of k.entries()) {
    if (found < (k[index - 1] ?? found)) throw wrong("the keys don't increase");
    bins.set(found, (bins.get(found) ?? 0) + (n[index] ?? 0));
  }
  if (bins.size > MAX_BINS) throw wrong(`${bins.size} bins`);
  const total = n.reduce((total, count) => total + count, 0);
  if (total !== cnt) throw wrong(`the counts add up to ${total}, but cnt is ${cnt}`);
  if (k.at(-1) !== sketchKey(max)) throw wrong(`${max} has the key ${sketchKey(max)}, not ${k.at(-1)}`);
  // The lowest bins may have been merged.
  if ((k[0] ?? 0) < sketchKey(min)) throw wrong(`${min} has the key ${sketchKey(min)}, not ${k[0]}`);
  if (!(min <= max) || Math.abs(avg - sum / cnt) > 1e-9 * Math.max(Math.abs(avg), 1e-300))
    throw wrong("min, max, avg, sum and cnt don't fit");
  return { count: cnt, sum, min, max, bins };
}
