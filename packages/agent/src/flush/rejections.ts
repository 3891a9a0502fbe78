/** What the flush sets aside, as it will lie in the rejected queue, each with its reason. */
import type { NewRecord, QueueNames, Stray } from "@chouette-iot/queue";
import { encodeRejected, type Seconds } from "@chouette-iot/record";
import type { Context } from "../aggregation/context.js";
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

export function rejectStray({ id, value }: Stray, { rawMetrics }: QueueNames, at: Seconds): NewRecord {
  return rejection(id, { reason: "a value whose id has no time", queue: rawMetrics, at, value });
}

/** @param id of the window's emission, and a count within it */
export function rejectContext(
  id: string,
  { context, reason }: Unwrappable,
  { rawMetrics }: QueueNames,
  at: Seconds,
): NewRecord {
  return rejection(id, { reason, queue: rawMetrics, at, value: describe(context) });
}

function rejection(id: string, rejected: Parameters<typeof encodeRejected>[0]): NewRecord {
  return { score: rejected.at, id, value: encodeRejected(rejected) };
}

function describe({ metric, type, tags, sum }: Context): string {
  const told = "elements" in sum ? { elements: [...sum.elements] } : sum;
  return JSON.stringify({ metric, type, tags, ...told });
}
