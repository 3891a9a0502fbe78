/**
 * Reads raw metrics as they lie in a queue: many records of few contexts.
 *
 * Two records of one context that the same client wrote differ in two numbers alone, the value and the timestamp.
 * The text around these is a record's shape. A shape is parsed once; of a record whose shape is known only the
 * numbers are read, at a fraction of the cost.
 *
 * Promises: for any text, what {@link decodeRawMetric} answers, and the key of the record's context with it. It
 * remembers a bounded number of shapes, and loses nothing but time where there are more.
 */
import { type Decoded, decodeRawMetric } from "./codec.js";
import { contextKey } from "./context-key.js";
import { plainNumber, plainNumberEnd } from "./plain-number.js";
import type { NumberType, RawMetric } from "./raw-metric.js";
import type { Tags } from "./tags.js";
import { seconds } from "./time.js";

/** A raw metric, and the key of the context that it belongs to. */
export type KeyedMetric = RawMetric & { readonly key: string };

interface Shape {
  readonly metric: string;
  readonly type: NumberType;
  readonly tags: Tags;
  readonly key: string;
}

const VALUE = '"value":';
/** What stands between the two numbers, as this client and the original one write it. */
const BETWEEN = ',"timestamp":';
const BETWEEN_SPACED = ', "timestamp": ';
const SPACE = 32;
/** Some 10 MB at most times, less than as many contexts take in a window. */
const MOST_SHAPES = 20_000;
/** Characters. What is longer is rare, and costs too much to remember. */
const LONGEST_SHAPE = 1_000;

export class RawMetricReader {
  readonly #shapes = new Map<string, Shape>();

  read(text: string): Decoded<KeyedMetric> {
    const record = this.#readByShape(text);
    if (record !== undefined) return { ok: true, record };
    const decoded = decodeRawMetric(text);
    if (!decoded.ok) return decoded;
    return { ok: true, record: { ...decoded.record, key: contextKey(decoded.record) } };
  }

  /** Undefined where the text isn't of the usual form, whether it is a raw metric or not. */
  #readByShape(text: string): KeyedMetric | undefined {
    const name = text.length > LONGEST_SHAPE ? -1 : text.indexOf(VALUE);
    if (name === -1) return undefined;
    const afterName = name + VALUE.length;
    const value = text.charCodeAt(afterName) === SPACE ? afterName + 1 : afterName;
    const valueEnd = plainNumberEnd(text, value);
    if (valueEnd === -1) return undefined;
    const timestamp = valueEnd + betweenLength(text, valueEnd);
    const timestampEnd = plainNumberEnd(text, timestamp);
    if (timestamp === valueEnd || timestampEnd === -1) return undefined;
    const shape = this.#shape(text, value, timestampEnd);
    if (shape === undefined) return undefined;
    const { metric, type, tags, key } = shape;
    const number = plainNumber(text, value, valueEnd);
    const time = plainNumber(text, timestamp, timestampEnd);
    // Hundreds of digits make an infinity.
    if (!Number.isFinite(number) || !Number.isFinite(time)) return undefined;
    return { metric, type, value: number, timestamp: seconds(time), tags, key };
  }

  #shape(text: string, numbers: number, numbersEnd: number): Shape | undefined {
    const before = text.slice(0, numbers);
    const after = text.slice(numbersEnd);
    const around = before + after;
    const known = this.#shapes.get(around);
    // To learn a shape costs two records' parsing: beyond the limit it isn't paid, and none is forgotten either.
    if (known !== undefined || this.#shapes.size >= MOST_SHAPES) return known;
    const shape = parseShape(before, after);
    if (shape !== undefined) this.#shapes.set(around, shape);
    return shape;
  }
}

/** 0 where something else is there. */
function betweenLength(text: string, at: number): number {
  if (text.startsWith(BETWEEN, at)) return BETWEEN.length;
  return text.startsWith(BETWEEN_SPACED, at) ? BETWEEN_SPACED.length : 0;
}

/**
 * What a record with this text around its numbers is, whatever the numbers are. Undefined where there is no such
 * record: where they aren't its own but those of an object inside it, or where one of them is set again elsewhere.
 */
function parseShape(before: string, after: string): Shape | undefined {
  // A text that gives back each of two pairs of numbers can't have them from anywhere else.
  const probe = decodeRawMetric(`${before}1${BETWEEN}2${after}`);
  const other = decodeRawMetric(`${before}3${BETWEEN}4${after}`);
  if (!isOf(probe, 1, 2) || !isOf(other, 3, 4) || probe.record.type === "set") return undefined;
  const { metric, type, tags } = probe.record;
  return { metric, type, tags, key: contextKey(probe.record) };
}

function isOf(
  decoded: Decoded<RawMetric>,
  value: number,
  timestamp: number,
): decoded is { readonly ok: true; readonly record: RawMetric } {
  return decoded.ok && decoded.record.value === value && decoded.record.timestamp === timestamp;
}
