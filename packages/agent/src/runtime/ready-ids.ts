/**
 * The ids of this agent's own ready metrics, which say who made them.
 *
 * The flush, the collectors and the agent's self metrics write a ready metric with its complete tags, the global tags
 * of that moment included. That is its identity from then on: tags that are added later could make two series one.
 * Any other id is of another program, such as the Python agent, whose ready metrics have no global tags yet.
 */
import type { Seconds } from "@chouette-iot/record";

/** Moved records have the shift's id behind their own. */
const OF_FLUSH = /^\d+\.\d+\.\d+(~|$)/;
const OF_WRITER = /^(collect|self)\.[0-9a-f]+\.\d+(~|$)/;

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

export function isOwnReady(id: string): boolean {
  return isOfFlush(id) || OF_WRITER.test(id);
}
