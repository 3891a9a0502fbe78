/**
 * The receipt of a batch: the list of its records, so that the sender can settle them.
 *
 * Neighbouring ids are similar: compressed, a metric takes about five bytes, and a log with a random id about twenty.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Place } from "./output.js";

/** In characters: the limit of an embedded broker. */
export const MAX_RECEIPT_LENGTH = 65_536;
/** One that would inflate to more isn't from an agent. */
const MAX_INFLATED = 16 * 1024 * 1024;

export function writeReceipt(places: readonly Place[]): string {
  const text = JSON.stringify(places.map(({ score, id }) => [score, id]));
  return deflateRawSync(text, { level: 9 }).toString("base64");
}

/** @throws if the text isn't a receipt */
export function readReceipt(receipt: string): readonly Place[] {
  const text = inflateRawSync(Buffer.from(receipt, "base64"), { maxOutputLength: MAX_INFLATED }).toString();
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error("the receipt isn't a list");
  return list.map((entry: unknown): Place => {
    const [score, id]: readonly unknown[] = Array.isArray(entry) ? entry : [];
    if (typeof score !== "number" || typeof id !== "string")
      throw new Error("the receipt has an entry without score and id");
    return { score, id };
  });
}
