/**
 * Dead letters: new entries of their queue, and the settlement that makes dead letters of records.
 *
 * Promises of an entry: its id is its own. Records of different queues, or one that was refused, put back and refused again, may
 * have had the same id: under that, the second would take the place of the first. Those of one process and time are in
 * the order in which they were made.
 */
import { randomBytes } from "node:crypto";
import { encodeRejected, type Rejected, type Seconds } from "@chouette-iot/record";
import { absentValueReason } from "./bounded-page.js";
import { counterName } from "./disposition.js";
import type { NewRecord, Orphan, Position, Settlement } from "./store.js";

const PROCESS = randomBytes(8).toString("hex");
let made = 0;

export function deadLetter(rejected: Rejected): NewRecord {
  made += 1;
  const id = `${PROCESS}.${String(made).padStart(12, "0")}`;
  return { score: rejected.at, id, value: encodeRejected(rejected) };
}

export interface Rejection {
  readonly queue: string;
  readonly rejectedQueue: string;
  /** The time of the rejection. */
  readonly at: Seconds;
}

/** Moves records of a queue to the dead letters, each with its reason. */
export function rejection(
  { queue, rejectedQueue, at }: Rejection,
  records: readonly (Position & { readonly value: string | undefined; readonly reason: string })[],
): Settlement {
  const letters = records.map(({ id, value = null, reason }) => deadLetter({ reason, queue, at, id, value }));
  return {
    remove: [{ queue, records, counter: counterName(queue, "rejected") }],
    add: [{ queue: rejectedQueue, records: letters }],
    count: new Map([[counterName(rejectedQueue, "accepted"), letters.length]]),
  };
}

/** Moves orphans of a queue to the dead letters. */
export function orphanRejection(
  { queue, rejectedQueue, at }: Rejection,
  orphans: readonly Orphan[],
): Settlement {
  const letters = orphans.map((orphan) => {
    const { id, value = null } = orphan;
    const size = value === null ? ` (${absentValueReason(orphan)})` : "";
    return deadLetter({ reason: `a value whose id has no time${size}`, queue, at, id, value });
  });
  return {
    removeOrphans: [{ queue, ids: orphans.map(({ id }) => id) }],
    add: [{ queue: rejectedQueue, records: letters }],
    count: new Map([
      [counterName(queue, "rejected"), orphans.length],
      [counterName(rejectedQueue, "accepted"), orphans.length],
    ]),
  };
}
