/**
 * Ids of clients, spill segments and records.
 *
 * A record's id is the number of its batch, in 10 digits, and its index in the batch. Each client numbers its batches from a
 * random start, so far from any other client's that they don't collide. Ids sort as text in the order of the calls, which
 * matters for gauges set twice in a millisecond: the agent reads the later one last.
 *
 * An id has 12 characters: up to that length, V8 concatenates strings immediately instead of keeping their parts.
 */
import { randomBytes } from "node:crypto";

/** In ASCII order. */
const DIGITS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const HIGH_DIGITS = 8;
const LOW_DIGITS = 2;
const LOW_NUMBERS = DIGITS.length ** LOW_DIGITS;

export function newClientId(): string {
  return randomBytes(6).toString("base64url");
}

/** The number in base 36, preceded by its length, so that texts sort like the numbers. */
export function sortedNumber(value: number): string {
  const digits = value.toString(36);
  return `${digits.length.toString(36)}${digits}`;
}

/** Generates the numbers of a client's batches, as text. */
export class BatchNumbers {
  /** From the lower half of the range, so that it never overflows. */
  #high = Math.floor(randomBytes(6).readUIntBE(0, 6) / 2);
  #highText = digitsOf(this.#high, HIGH_DIGITS);
  #low = 0;

  next(): string {
    if (this.#low === LOW_NUMBERS) {
      this.#low = 0;
      this.#highText = digitsOf(++this.#high, HIGH_DIGITS);
    }
    return this.#highText + digitsOf(this.#low++, LOW_DIGITS);
  }
}

function digitsOf(number: number, width: number): string {
  let text = "";
  for (let left = number; text.length < width; left = Math.floor(left / DIGITS.length)) {
    text = (DIGITS[left % DIGITS.length] ?? "") + text;
  }
  return text;
}
