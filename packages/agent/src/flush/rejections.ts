/** What the flush sets aside, as it will lie in the rejected queue, each with its reason. */
import { absentValueReason, type NewRecord, type QueueNames, type Stray } from "@chouette-iot/queue";
import { encodeRejected, type Seconds } from "@chouette-iot/record";
import { rawRecords } from "../aggregation/raw-records.js";
import type { Unwrappable } from "./emission.js";
import type { Unusable } from "./taken.js";

/** @param at the time of the rejection, which its age in the rejected queue counts from */
export function rejectUnusable(
  { record, reason }: Unusable,
  { rawMetrics }: QueueNames,
  at: Seconds,
): NewRecord {
  return rejection(record.id, { reason, queue: rawMetrics, at, value: record.value ?? null });
}

export function rejectStray(stray: Stray, { rawMetrics }: QueueNames, at: Seconds): NewRecord {
  const { id, value = null } = stray;
  const size = value === null ? ` (${absentValueReason(stray)})` : "";
  return rejection(id, { reason: `a value whose id has no time${size}`, queue: rawMetrics, at, value });
}

/**
 * A dead letter for each raw record that the context stands for.
 *
 * @param id of the window's emission, and a count within it
 * @param start of the window
 */
export function rejectContext(
  id: string,
  { context, reason }: Unwrappable,
  start: Seconds,
  { rawMetrics }: QueueNames,
  at: Seconds,
): readonly NewRecord[] {
  return rawRecords(context, start).map((value, index) =>
    rejection(`${id}.${index}`, { reason, queue: rawMetrics, at, value }),
  );
}

function rejection(id: string, rejected: Parameters<typeof encodeRejected>[0]): NewRecord {
  return { score: rejected.at, id, value: encodeRejected(rejected) };
}
