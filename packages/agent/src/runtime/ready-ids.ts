/**
 * The ids of ready records. They show who wrote a record, and so whether its tags are complete.
 *
 * The flush, the collectors and the self metrics write a ready metric with all its tags, the current global tags
 * included. That is its identity from then on: tags that are added later could merge two series. Records that another
 * agent forwarded are complete as well, host included. Any other id belongs to another program, such as the Python
 * agent, whose ready metrics don't have the global tags yet.
 */
import { createHash } from "node:crypto";
import type { Seconds } from "@chouette-iot/record";

/** A record moved by a clock shift has the shift's id appended. */
const OF_FLUSH = /^\d+\.\d+\.\d+(~|$)/;
const OF_WRITER = /^(collect|self)\.[0-9a-f]+\.\d+(~|$)/;

const OF_FLUSH_PARTS = /^(\d+)\.(\d+)\.(?=\d)/;
export const STORE_ID_LENGTH = 8;
const FORWARDED = new RegExp(`@[\\w-]{${STORE_ID_LENGTH}}$`);
/** Ids that every broker accepts unchanged. */
const PLAIN = /^[\x21-\x7e]{1,200}$/;

/** Who, besides the flush, writes ready metrics. */
export type ReadyOrigin = "collect" | "self";

/** Digits of an index. Ids sort in the order in which they are made, so a store appends each after the last. */
const INDEX_DIGITS = 6;

/**
 * Repeating an emission gives the same ids.
 *
 * @param start of the window
 * @param emission how often the window was emitted before
 * @param index within the emission
 */
export function flushId(start: Seconds, emission: number, index: number): string {
  // Joined, since a template's text is kept in pieces until it is stored.
  return [start, emission, String(index).padStart(INDEX_DIGITS, "0")].join(".");
}

/** @param process in hexadecimal digits */
export function writerId(origin: ReadyOrigin, process: string, count: number): string {
  return `${origin}.${process}.${count}`;
}

export function isOfFlush(id: string): boolean {
  return OF_FLUSH.test(id);
}

/** Whether a ready metric has all its tags: it was written by this agent or forwarded by another. */
export function isOwnReady(id: string): boolean {
  return isOfFlush(id) || OF_WRITER.test(id) || isForwarded(id);
}

/** Whether another agent forwarded the record. */
export function isForwarded(id: string): boolean {
  return FORWARDED.test(id);
}

/**
 * The id of a record of this agent in another agent's queue. Like the original id, it sorts after earlier ones of the
 * same second: of two values in one second, the later one counts.
 *
 * @param store identifies this agent's store: {@link STORE_ID_LENGTH} characters of base64url
 */
export function forwardedId(id: string, store: string): string {
  const sorted = id.replace(
    OF_FLUSH_PARTS,
    (_, start, emission: string) => `${start}.${emission.padStart(INDEX_DIGITS, "0")}.`,
  );
  return `${PLAIN.test(sorted) ? sorted : digest(sorted)}@${store}`;
}

/** An id may be any bytes, and so a string with lone surrogates: UTF-16 keeps them apart. */
function digest(id: string): string {
  return createHash("sha256").update(Buffer.from(id, "utf16le")).digest("hex");
}
