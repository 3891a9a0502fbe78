/**
 * A new entry of the dead-letter queue.
 *
 * Promises: its id is its own. Records of different queues, or one that was refused, put back and refused again, may
 * have had the same id: under that, the second would take the place of the first. Those of one process and time are in
 * the order in which they were made.
 */
import { randomBytes } from "node:crypto";
import { encodeRejected, type Rejected } from "@chouette-iot/record";
import type { NewRecord } from "./store.js";

const PROCESS = randomBytes(8).toString("hex");
let made = 0;

export function deadLetter(rejected: Rejected): NewRecord {
  made += 1;
  const id = `${PROCESS}.${String(made).padStart(12, "0")}`;
  return { score: rejected.at, id, value: encodeRejected(rejected) };
}
