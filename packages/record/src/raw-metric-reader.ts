/**
 * Decodes raw metrics fast, for queues with many records of few series.
 *
 * Two records of one series and client differ in only two numbers, the value and the timestamp. The text around them is the
 * record's shape. A shape is parsed and normalised once; after that, only the numbers of its records are parsed.
 *
 * Promises: the same result as {@link decodeRawMetric} for any text, with the series that the record belongs to. The cache
 * of shapes is bounded; beyond it, records are only slower to read.
 */
import { bad } from "./decode.js";
import { plainNumber, plainNumberEnd } from "./plain-number.js";
import type { NumberType, ReceivedMetric, ReceivedValue } from "./raw-metric.js";
import { decodeRawMetric } from "./raw-metric-codec.js";
import type { Result } from "./result.js";
import { type SeriesIdentity, seriesIdentity } from "./series-identity.js";
import { isTime, type Seconds, seconds } from "./time.js";

/** A raw metric with its series: name and tags are the normalised ones. */
export type KeyedMetric = ReceivedValue & SeriesIdentity & { readonly timestamp: Seconds };

type Shape = SeriesIdentity & { readonly type: NumberType };

const VALUE = '"value":';
/** The text between the two numbers, as this client and the original one write it. */
const BETWEEN = ',"timestamp":';
const BETWEEN_SPACED = ', "timestamp": ';
const SPACE = 32;
/** Usually about 10 MB, less than as many contexts take in a window. */
const MAX_SHAPES = 20_000;
/** In characters. Longer shapes are rare, and would take too much memory. */
const MAX_SHAPE_LENGTH = 1_000;

export class RawMetricReader {
  readonly #globalTags: readonly string[];
  readonly #keepsTag: ((tag: string) => boolean) | undefined;
  readonly #shapes = new Map<string, Shape>();

  /**
   * @param globalTags `["key:value", …]` of every series
   * @param keepsTag which of the records' own tags belong to the series; all by default
   */
  constructor(globalTags: readonly string[], keepsTag?: (tag: string) => boolean) {
    this.#globalTags = globalTags;
    this.#keepsTag = keepsTag;
  }

  /** Decodes a record. Never throws. */
  read(text: string): Result<KeyedMetric> {
    const record = this.#readByShape(text);
    if (record !== undefined) return { ok: true, value: record };
    const decoded = decodeRawMetric(text);
    if (!decoded.ok) return decoded;
    const series = this.#seriesOf(decoded.value);
    if (series === undefined) return bad("metric", "a name with a letter in it", decoded.value.metric);
    const { type, value, timestamp } = decoded.value;
    const { metric, tags, key } = series;
    return { ok: true, value: { metric, type, value, timestamp, tags, key } as KeyedMetric };
  }

  /** Undefined if the text has no known or cacheable shape: it may still be a raw metric. */
  #readByShape(text: string): KeyedMetric | undefined {
    const name = text.length > MAX_SHAPE_LENGTH ? -1 : text.indexOf(VALUE);
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
    if (!Number.isFinite(number) || !isTime(time)) return undefined;
    return { metric, type, value: number, timestamp: seconds(time), tags, key };
  }

  #shape(text: string, numbers: number, numbersEnd: number): Shape | undefined {
    const before = text.slice(0, numbers);
    const after = text.slice(numbersEnd);
    const around = before + after;
    const known = this.#shapes.get(around);
    // A new shape costs two parsings. At the limit none is added, and none is evicted either.
    if (known !== undefined || this.#shapes.size >= MAX_SHAPES) return known;
    const shape = this.#parseShape(before, after);
    if (shape !== undefined) this.#shapes.set(around, shape);
    return shape;
  }

  /**
   * The series of all records of this shape, whatever their numbers. Undefined if the numbers aren't the record's value and
   * timestamp: if they belong to a nested object, or a later field of the same name overrides one.
   */
  #parseShape(before: string, after: string): Shape | undefined {
    // If two different pairs of numbers are both read back, they are read from these places.
    const probe = decodeRawMetric(`${before}1${BETWEEN}2${after}`);
    const other = decodeRawMetric(`${before}3${BETWEEN}4${after}`);
    if (!isOf(probe, 1, 2) || !isOf(other, 3, 4) || probe.value.type === "set") return undefined;
    const series = this.#seriesOf(probe.value);
    return series === undefined ? undefined : { ...series, type: probe.value.type };
  }

  #seriesOf(metric: ReceivedMetric): SeriesIdentity | undefined {
    return seriesIdentity(metric, this.#globalTags, this.#keepsTag);
  }
}

/** 0 if any other text is there. */
function betweenLength(text: string, at: number): number {
  if (text.startsWith(BETWEEN, at)) return BETWEEN.length;
  return text.startsWith(BETWEEN_SPACED, at) ? BETWEEN_SPACED.length : 0;
}

function isOf(
  decoded: Result<ReceivedMetric>,
  value: number,
  timestamp: number,
): decoded is { readonly ok: true; readonly value: ReceivedMetric } {
  return decoded.ok && decoded.value.value === value && decoded.value.timestamp === timestamp;
}
