/** A rejected record: what can't be used or was refused, kept with its reason for a person to look at. */
import { type Seconds, seconds } from "./time.js";

export interface Rejected {
  readonly reason: string;
  /** The queue that it came from. */
  readonly queue: string;
  /** When it was rejected. */
  readonly at: Seconds;
  /** Its id there; undefined if it was never stored as it is here. */
  readonly id?: string | undefined;
  /** The record as it was stored; null where an id had no value. */
  readonly value: string | null;
}

export function encodeRejected(rejected: Rejected): string {
  return JSON.stringify(rejected);
}

/** Undefined if it is none: the queue may hold what somebody else wrote. */
export function decodeRejected(text: string): Rejected | undefined {
  try {
    const { reason, queue, at, id, value } = JSON.parse(text);
    const isValue = typeof value === "string" || value === null;
    const isRejected = typeof reason === "string" && typeof queue === "string" && typeof at === "number";
    if (!isRejected || !isValue) return undefined;
    return { reason, queue, at: seconds(at), id: typeof id === "string" ? id : undefined, value };
  } catch {
    return undefined;
  }
}
