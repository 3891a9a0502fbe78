/**
 * Reads raw metrics as they are in a queue: many records of few series.
 *
 * Two records of one series that the same client wrote differ in two numbers alone, the value and the timestamp.
 * The text around these is a record's shape. A shape is parsed once, its name and tags are written by Datadog's rules once;
 * of a record whose shape is known only the numbers are read, at a fraction of the cost.
 *
 * Promises: for any text, what {@link decodeRawMetric} answers, under the series that it belongs to. It remembers a
 * bounded number of shapes, and loses nothing but time if there are more.
 */
import { bad } from "./decode.js";
import { plainNumber, plainNumberEnd } from "./plain-number.js";
import type { NumberType, ReceivedMetric, ReceivedValue } from "./raw-metric.js";
import { decodeRawMetric } from "./raw-metric-codec.js";
import type { Result } from "./result.js";
import { type SeriesIdentity, seriesIdentity } from "./series-identity.js";
import { isTime, type Seconds, seconds } from "./time.js";

/** A raw metric under its series: name and tags are the series', not those that were written. */
export type KeyedMetric = ReceivedValue & SeriesIdentity & { readonly timestamp: Seconds };

type Shape = SeriesIdentity & { readonly type: NumberType };

const VALUE = '"value":';
/** What is between the two numbers, as this client and the original one write it. */
const BETWEEN = ',"timestamp":';
const BETWEEN_SPACED = ', "timestamp": ';
const SPACE = 32;
/** Some 10 MB at most times, less than as many contexts take in a window. */
const MAX_SHAPES = 20_000;
/** Characters. What is longer is rare, and costs too much to remember. */
const MAX_SHAPE_LENGTH = 1_000;

export class RawMetricReader {
  readonly #globalTags: readonly string[];
  readonly #keepsTag: ((tag: string) => boolean) | undefined;
  readonly #shapes = new Map<string, Shape>();

  /**
   * @param globalTags `["key:value", …]` of every series
   * @param keepsTag of the records' own tags, which ones make the series; all if it isn't given
   */
  constructor(globalTags: readonly string[], keepsTag?: (tag: string) => boolean) {
    this.#globalTags = globalTags;
    this.#keepsTag = keepsTag;
  }

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

  /** Undefined if the text isn't of the usual form, whether it is a raw metric or not. */
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
    // To learn a shape costs two records' parsing: beyond the limit it isn't paid, and none is forgotten either.
    if (known !== undefined || this.#shapes.size >= MAX_SHAPES) return known;
    const shape = this.#parseShape(before, after);
    if (shape !== undefined) this.#shapes.set(around, shape);
    return shape;
  }

  /**
   * The series of a record with this text around its numbers, whatever the numbers are. Undefined if there is no such
   * record: if they aren't its own but those of an object inside it, or if one of them is set again elsewhere.
   */
  #parseShape(before: string, after: string): Shape | undefined {
    // A text that gives back each of two pairs of numbers can't have them from anywhere else.
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

/** 0 where something else is there. */
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
