/**
 * Scans a metric line in the bytes of a packet: the positions of its parts, and a hash of everything but the values.
 *
 * Nearly all lines differ from an earlier one only in their values. Their series is found without creating a string.
 */
import { metricNumber } from "./metric-line.js";

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const COLON = 58;
const BAR = 124;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const PLUS = 43;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
/** FNV-1a. */
const HASH_START = 0x811c9dc5;
const HASH_FACTOR = 0x01000193;
/** A double is exact up to this number of digits. */
const MAX_EXACT_DIGITS = 15;

const NOTHING = Buffer.alloc(0);

/** The same object is used for all lines. */
export class ScannedLine {
  bytes: Buffer = NOTHING;
  start = 0;
  /** Without the line break of one or two bytes. */
  end = 0;
  /** Start of the next line. */
  next = 0;
  /** Whether the line has a `name:value|type`. Otherwise the following fields are invalid. */
  hasParts = false;
  /** The values are from `colon + 1` to `bar`. */
  colon = 0;
  bar = 0;
  /** 32-bit hash of the bytes before and after the values. */
  hash = 0;

  /** Scans the line that begins at `start`. @param limit end of the packet */
  scan(bytes: Buffer, start: number, limit: number): void {
    this.bytes = bytes;
    this.start = start;
    // A bracket that isn't closed is an ordinary character.
    this.hasParts = this.#scanName(limit, true) || this.#scanName(limit, false);
    if (!this.hasParts) this.#endAt(newlineFrom(bytes, start, limit));
  }

  /** @param hasDialects whether a colon in brackets belongs to tags of SignalFx */
  #scanName(limit: number, hasDialects: boolean): boolean {
    const { bytes } = this;
    let hash = HASH_START;
    let isInBrackets = false;
    for (let at = this.start; at < limit; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === COLON && !isInBrackets) {
        this.colon = at;
        return at > this.start && this.#scanRest(limit, hash);
      }
      if (byte === BAR || byte === NEWLINE) return false;
      if (byte === OPEN_BRACKET) isInBrackets = hasDialects;
      else if (byte === CLOSE_BRACKET) isInBrackets = false;
      hash = Math.imul(hash ^ byte, HASH_FACTOR);
    }
    return false;
  }

  #scanRest(limit: number, hashOfName: number): boolean {
    const { bytes, colon } = this;
    let at = colon + 1;
    for (; at < limit; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === BAR) break;
      if (byte === NEWLINE) return false;
    }
    if (at >= limit || at === colon + 1) return false;
    this.bar = at;
    let hash = hashOfName;
    for (; at < limit; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === NEWLINE) break;
      hash = Math.imul(hash ^ byte, HASH_FACTOR);
    }
    this.hash = hash ^ (hash >>> 15);
    this.#endAt(at);
    return true;
  }

  #endAt(newline: number): void {
    const hasReturn = newline > this.start && this.bytes[newline - 1] === CARRIAGE_RETURN;
    this.end = hasReturn ? newline - 1 : newline;
    this.next = newline + 1;
  }

  text(): string {
    return this.bytes.toString("utf8", this.start, this.end);
  }

  /** The text before the values. */
  name(): string {
    return this.bytes.toString("utf8", this.start, this.colon);
  }

  /** The values as a text. */
  values(): string {
    return this.bytes.toString("utf8", this.colon + 1, this.bar);
  }

  /** The text after the values, beginning with `|`. */
  fields(): string {
    return this.bytes.toString("utf8", this.bar, this.end);
  }

  /** The value as a number; NaN if it isn't a number, or if there are several. */
  number(): number {
    const exact = this.#shortNumber();
    return Number.isNaN(exact) ? (metricNumber(this.values()) ?? Number.NaN) : exact;
  }

  /** Whether the values begin with a plus sign. */
  get isPlus(): boolean {
    return this.bytes[this.colon + 1] === PLUS;
  }

  get isMinus(): boolean {
    return this.bytes[this.colon + 1] === MINUS;
  }

  /** A number of digits and a point: the quotient of two exact doubles is the nearest double. NaN for anything else. */
  #shortNumber(): number {
    const { bytes, bar } = this;
    let at = this.colon + 1;
    if (this.isPlus || this.isMinus) at++;
    if (bar - at > MAX_EXACT_DIGITS) return Number.NaN;
    let digits = 0;
    let scale = 1;
    let step = 1;
    let isNumber = false;
    for (; at < bar; at++) {
      const byte = bytes[at] ?? 0;
      const digit = byte - ZERO;
      if (digit >= 0 && digit <= 9) {
        digits = digits * 10 + digit;
        scale *= step;
        isNumber = true;
      } else if (byte === POINT && step === 1) step = 10;
      else return Number.NaN;
    }
    if (!isNumber) return Number.NaN;
    const number = scale === 1 ? digits : digits / scale;
    return this.isMinus ? -number : number;
  }
}

function newlineFrom(bytes: Buffer, start: number, limit: number): number {
  const newline = bytes.indexOf(NEWLINE, start);
  return newline === -1 || newline > limit ? limit : newline;
}
