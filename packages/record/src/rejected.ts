/** A dead letter: a record that can't be used or was refused, kept with the reason for a person to look at. */
import { type Seconds, seconds } from "./time.js";

export interface Rejected {
  readonly reason: string;
  /** The queue of the record. */
  readonly queue: string;
  /** Time of the rejection, in seconds since the epoch. */
  readonly at: Seconds;
  /** The record's id in its queue; undefined if it was never stored there in this form. */
  readonly id?: string | undefined;
  /** The record as it was stored; null if an id had no value. */
  readonly value: string | null;
}

export function encodeRejected(rejected: Rejected): string {
  return JSON.stringify(rejected);
}

/** Undefined if the text isn't one: other programs can write to the queue. Never throws. */
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
