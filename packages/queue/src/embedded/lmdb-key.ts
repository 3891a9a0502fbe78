/** Decodes the keys of the store of version 0.1.0: a score and an id, written by the library `ordered-binary`. */
import type { Position } from "../store.js";

const SCORE_BYTES = 9;
const SEPARATOR = 0;
/** Precedes a text that is empty or starts with a control character. */
const TEXT_ESCAPE = 27;
/** Precedes a control character; texts from this length on aren't escaped. */
const CHARACTER_ESCAPE = 4;
const UNESCAPED_FROM = 64;
/** First bytes: of a number that isn't negative, and of any number. */
const FIRST_POSITIVE = 0x10;
const FIRST_NUMBER = 8;
const AFTER_NUMBERS = 0x18;
const ALL_BUT_SIGN = 0x7fffffffffffffffn;

/** The position in a record's key; undefined if it isn't one. */
export function readPosition(key: Buffer): Position | undefined {
  const first = key[0] ?? 0;
  if (key.length <= SCORE_BYTES || first < FIRST_NUMBER || first >= AFTER_NUMBERS) return undefined;
  if (key[SCORE_BYTES] !== SEPARATOR) return undefined;
  const score = readScore(key);
  const id = readText(key.subarray(SCORE_BYTES + 1));
  return Number.isNaN(score) || id === undefined ? undefined : { score, id };
}

/** The text in a key; undefined if it is something else, such as a number. */
export function readText(bytes: Buffer): string | undefined {
  const isEscaped = bytes[0] === TEXT_ESCAPE;
  const text = isEscaped ? bytes.subarray(1) : bytes;
  if (!isEscaped && (bytes[0] ?? 0) <= TEXT_ESCAPE) return undefined;
  if (!text.includes(CHARACTER_ESCAPE) || text.length >= UNESCAPED_FROM) return text.toString("utf8");
  return withoutEscapes(text).toString("utf8");
}

/** A double's bits shifted right by four; if it is negative, all but the sign are inverted. */
function readScore(key: Buffer): number {
  const bits = BigInt.asUintN(64, (key.readBigUInt64BE(0) << 4n) | BigInt((key[SCORE_BYTES - 1] ?? 0) >> 4));
  const isNegative = (key[0] ?? 0) < FIRST_POSITIVE;
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(isNegative ? bits ^ ALL_BUT_SIGN : bits);
  return bytes.readDoubleBE(0);
}

function withoutEscapes(text: Buffer): Buffer {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === CHARACTER_ESCAPE) at += 1;
    bytes.push(text[at] ?? 0);
  }
  return Buffer.from(bytes);
}
