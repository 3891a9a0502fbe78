/** Readiness: each queue was worked off lately, or holds nothing that has waited. */
import type { Seconds } from "@chouette-iot/record";
import type { QueueStatus } from "./queues.js";

export type Readiness = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** When a queue was last worked off. */
export interface LastStep {
  readonly queue: string;
  /** Unix time; undefined while it never was since the agent's start. */
  readonly last: Seconds | undefined;
  /** What happens to its records, for the reason. */
  readonly done: "aggregated" | "delivered";
}

/**
 * @param queues undefined if the store doesn't answer
 * @param patience how long a record may wait, and how long ago the last step may be
 */
export function readinessOf(
  queues: readonly Pick<QueueStatus, "name" | "oldestAge">[] | undefined,
  steps: readonly LastStep[],
  patience: Seconds,
  now: Seconds,
): Readiness {
  if (queues === undefined) return { ok: false, reason: "the store does not answer" };
  for (const { queue, last, done } of steps) {
    const oldestAge = queues.find(({ name }) => name === queue)?.oldestAge ?? 0;
    const isWorkedOff = last !== undefined && now - last <= patience;
    if (oldestAge > patience && !isWorkedOff) {
      const waited = `${queue} has waited ${Math.round(oldestAge)} s`;
      return { ok: false, reason: `${waited} and nothing was ${done} lately` };
    }
  }
  return { ok: true };
}
