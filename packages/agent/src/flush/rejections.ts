/** The dead letters of what the flush rejects, each with its reason. */
import { deadLetter, type NewRecord, type QueueNames } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";
import { rawRecords } from "../aggregation/raw-records.js";
import type { WrapFailure } from "./emission.js";
import type { UnusableRecord } from "./open-windows.js";

/** @param at the time of the rejection, from which its age in the dead-letter queue counts */
export function rejectUnusable(
  { record: { id, value }, reason }: UnusableRecord,
  { rawMetrics }: QueueNames,
  at: Seconds,
): NewRecord {
  return deadLetter({ reason, queue: rawMetrics, at, id, value: value ?? null });
}

/**
 * A dead letter for each raw record that the context stands for.
 * @param start of the context's window
 */
export function rejectContext(
  { context, reason }: WrapFailure,
  start: Seconds,
  { rawMetrics }: QueueNames,
  at: Seconds,
): readonly NewRecord[] {
  return rawRecords(context, start).map((value) => deadLetter({ reason, queue: rawMetrics, at, value }));
}

/** One dead letter for kept contexts that can't be read. @param value the kept text */
export function rejectKept(
  value: string,
  reason: string,
  start: Seconds,
  { rawMetrics }: QueueNames,
  at: Seconds,
): NewRecord {
  const what = `what was kept of the window at ${start} can't be read: ${reason}`;
  return deadLetter({ reason: what, queue: rawMetrics, at, value });
}
