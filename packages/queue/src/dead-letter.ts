/**
 * Dead letters: the records of their queue, and the settlements that move records there.
 *
 * Promises: each dead letter has a new id. Records of different queues, or one that was rejected, requeued and rejected
 * again, may share an id, under which the second would replace the first. Dead letters of one process and time are in the
 * order in which they were made.
 */
import { randomBytes } from "node:crypto";
import { encodeRejected, type Rejected, type Seconds } from "@chouette-iot/record";
import { absentValueReason } from "./bounded-page.js";
import { counterName } from "./disposition.js";
import type { NewRecord, Orphan, Position, Settlement } from "./store.js";

const PROCESS = randomBytes(8).toString("hex");
let made = 0;

/** A record for the queue of dead letters. */
export function deadLetter(rejected: Rejected): NewRecord {
  made += 1;
  const id = `${PROCESS}.${String(made).padStart(12, "0")}`;
  return { score: rejected.at, id, value: encodeRejected(rejected) };
}

export interface Rejection {
  readonly queue: string;
  readonly rejectedQueue: string;
  /** Time of the rejection, in seconds since the epoch. */
  readonly at: Seconds;
}

/** The settlement that moves records of a queue to the dead letters, each with its reason. */
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

/** The settlement that moves orphans of a queue to the dead letters. */
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
