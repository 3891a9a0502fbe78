/**
 * The ids of ready records, which say who made them.
 *
 * The flush, the collectors and the agent's self metrics write a ready metric with its complete tags, the global tags
 * of that moment included. That is its identity from then on: tags that are added later could make two series one.
 * So it is with all that another agent made and sent here: its host and its tags are complete.
 * Any other id is of another program, such as the Python agent, whose ready metrics have no global tags yet.
 */
import { createHash } from "node:crypto";
import type { Seconds } from "@chouette-iot/record";

/** Moved records have the shift's id behind their own. */
const OF_FLUSH = /^\d+\.\d+\.\d+(~|$)/;
const OF_WRITER = /^(collect|self)\.[0-9a-f]+\.\d+(~|$)/;

const OF_FLUSH_PARTS = /^(\d+)\.(\d+)\.(?=\d)/;
export const STORE_ID_LENGTH = 8;
const FORWARDED = new RegExp(`@[\\w-]{${STORE_ID_LENGTH}}$`);
/** What every broker takes as it is, at any length that records' ids have. */
const PLAIN = /^[\x21-\x7e]{1,200}$/;

/** Who writes ready metrics beside the flush. */
export type ReadyOrigin = "collect" | "self";

/** Digits of an index: ids sort in the order in which they are made, so that a store adds each behind the last. */
const INDEX_DIGITS = 6;

/**
 * The same whenever an emission is made again.
 *
 * @param start of the window
 * @param emission how often the window was emitted before
 * @param index within the emission
 */
export function flushId(start: Seconds, emission: number, index: number): string {
  return `${start}.${emission}.${String(index).padStart(INDEX_DIGITS, "0")}`;
}

/** @param process in hexadecimal digits */
export function writerId(origin: ReadyOrigin, process: string, count: number): string {
  return `${origin}.${process}.${count}`;
}

export function isOfFlush(id: string): boolean {
  return OF_FLUSH.test(id);
}

/** Whether a ready metric has its complete tags. */
export function isOwnReady(id: string): boolean {
  return isOfFlush(id) || OF_WRITER.test(id) || isForwarded(id);
}

/** Whether a record was made by another agent, which sent it here. */
export function isForwarded(id: string): boolean {
  return FORWARDED.test(id);
}

/**
 * The id that a record of this agent has in another agent's queue. Like its own id, it sorts behind those of the same second
 * that were made before it: of two values of one second, the later one counts.
 *
 * @param store what identifies the store that the record is in: {@link STORE_ID_LENGTH} characters of base64url
 */
export function forwardedId(id: string, store: string): string {
  const sorted = id.replace(
    OF_FLUSH_PARTS,
    (_, start, emission: string) => `${start}.${emission.padStart(INDEX_DIGITS, "0")}.`,
  );
  return `${PLAIN.test(sorted) ? sorted : digest(sorted)}@${store}`;
}

/** Of an id that may be any bytes, which are strings with lone surrogates. */
function digest(id: string): string {
  return createHash("sha256").update(Buffer.from(id, "utf16le")).digest("hex");
}
