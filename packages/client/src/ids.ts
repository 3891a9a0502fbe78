/**
 * Ids of clients, of what they spill, and of records.
 *
 * A record's id is the number of its batch, in 10 digits, and its place in the batch. A client numbers its batches from a
 * random place on, so far from that of any other that they don't meet. Ids sort as text in the order of the calls, which
 * matters for gauges set twice in a millisecond: the agent reads the later one last.
 *
 * An id has 12 characters: what V8 joins at once. Longer texts it joins when they are read, and keeps their parts until then.
 */
import { randomBytes } from "node:crypto";

/** In the order of their codes. */
const DIGITS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
const HIGH_DIGITS = 8;
const LOW_DIGITS = 2;
const LOW_NUMBERS = DIGITS.length ** LOW_DIGITS;

export function newClientId(): string {
  return randomBytes(6).toString("base64url");
}

/** In base 36 with its length ahead, so that text sorts as the numbers do. */
export function sortedNumber(value: number): string {
  const digits = value.toString(36);
  return `${digits.length.toString(36)}${digits}`;
}

/** The numbers of a client's batches, as text. */
export class BatchNumbers {
  /** From the lower half of what has room: counting on meets no end. */
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
