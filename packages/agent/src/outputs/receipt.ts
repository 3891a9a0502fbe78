/**
 * The receipt of a batch: which records of a queue it has, so that its sender can settle them.
 *
 * Ids of neighbours are much alike: compressed, a metric takes some five bytes and a log with a random id some twenty.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Place } from "./output.js";

/** In characters: an embedded broker takes no longer ones. */
export const MAX_RECEIPT_LENGTH = 65_536;
/** A receipt is small when it is written: one that would inflate to more isn't ours. */
const MAX_INFLATED = 16 * 1024 * 1024;

export function writeReceipt(places: readonly Place[]): string {
  const text = JSON.stringify(places.map(({ score, id }) => [score, id]));
  return deflateRawSync(text, { level: 9 }).toString("base64");
}

/** @throws Error if the text is no receipt */
export function readReceipt(receipt: string): readonly Place[] {
  const text = inflateRawSync(Buffer.from(receipt, "base64"), { maxOutputLength: MAX_INFLATED }).toString();
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error("it is no list");
  return list.map((entry: unknown): Place => {
    const [score, id]: readonly unknown[] = Array.isArray(entry) ? entry : [];
    if (typeof score !== "number" || typeof id !== "string")
      throw new Error("it has an entry without score and id");
    return { score, id };
  });
}
