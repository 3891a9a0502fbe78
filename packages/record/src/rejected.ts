/** A rejected record: what can't be used or was refused, kept with its reason for a person to look at. */
import type { Seconds } from "./time.js";

export interface Rejected {
  readonly reason: string;
  /** The queue that it came from. */
  readonly queue: string;
  /** When it was set aside. */
  readonly at: Seconds;
  /** The record as it was stored; null where an id had no value. */
  readonly value: string | null;
}

export function encodeRejected(rejected: Rejected): string {
  return JSON.stringify(rejected);
}
