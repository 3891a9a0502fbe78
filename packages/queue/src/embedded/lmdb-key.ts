/** The keys of the store of version 0.1.0: a score and an id, as the library `ordered-binary` wrote them. */
import type { Position } from "../store.js";

const SCORE_BYTES = 9;
const SEPARATOR = 0;
/** Before a text that is empty or begins with a low character. */
const TEXT_ESCAPE = 27;
/** Before a low character; texts of this many characters or more have none. */
const CHARACTER_ESCAPE = 4;
const UNESCAPED_FROM = 64;
/** The first byte of a number that isn't negative, and those of any number. */
const FIRST_POSITIVE = 0x10;
const FIRST_NUMBER = 8;
const AFTER_NUMBERS = 0x18;
const ALL_BUT_SIGN = 0x7fffffffffffffffn;

/** @returns undefined for a key that no record has */
export function readPosition(key: Buffer): Position | undefined {
  const first = key[0] ?? 0;
  if (key.length <= SCORE_BYTES || first < FIRST_NUMBER || first >= AFTER_NUMBERS) return undefined;
  if (key[SCORE_BYTES] !== SEPARATOR) return undefined;
  const score = readScore(key);
  const id = readText(key.subarray(SCORE_BYTES + 1));
  return Number.isNaN(score) || id === undefined ? undefined : { score, id };
}

/** @returns undefined for what is no text: a null, a number */
export function readText(bytes: Buffer): string | undefined {
  const isEscaped = bytes[0] === TEXT_ESCAPE;
  const text = isEscaped ? bytes.subarray(1) : bytes;
  if (!isEscaped && (bytes[0] ?? 0) <= TEXT_ESCAPE) return undefined;
  if (!text.includes(CHARACTER_ESCAPE) || text.length >= UNESCAPED_FROM) return text.toString("utf8");
  return withoutEscapes(text).toString("utf8");
}

/** The bits of a double, moved by four; of a negative one all but the sign are inverted. */
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
