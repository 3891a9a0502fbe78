/** Readiness: each queue was processed recently, or has no record that has waited for long. */
import type { Seconds } from "@chouette-iot/record";
import type { QueueStatus } from "./queues.js";

export type Readiness = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** When a queue was last processed. */
export interface LastStep {
  readonly queue: string;
  /** Unix time; undefined if never since the agent's start. */
  readonly last: Seconds | undefined;
  /** A word for the reason. */
  readonly done: "aggregated" | "delivered";
}

/**
 * @param queues undefined if the store doesn't answer
 * @param maxDelay maximum age of a record, and of the last step
 */
export function readinessOf(
  queues: readonly Pick<QueueStatus, "name" | "oldestAge">[] | undefined,
  steps: readonly LastStep[],
  maxDelay: Seconds,
  now: Seconds,
): Readiness {
  if (queues === undefined) return { ok: false, reason: "store does not answer" };
  for (const { queue, last, done } of steps) {
    const oldestAge = queues.find(({ name }) => name === queue)?.oldestAge ?? 0;
    const isProcessed = last !== undefined && now - last <= maxDelay;
    if (oldestAge > maxDelay && !isProcessed) {
      const waited = `oldest record of ${queue} is ${Math.round(oldestAge)} s old`;
      return { ok: false, reason: `${waited} and nothing was ${done} recently` };
    }
  }
  return { ok: true };
}
