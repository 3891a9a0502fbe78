/** Delivery statistics of an output since the agent's start. */
import { type Seconds, seconds, toSeconds } from "@chouette-iot/record";
import type { Outcome, Output } from "../outputs/output.js";
import type { Clock } from "../runtime/clock.js";

export type Requests = Record<Outcome["kind"], number>;

export interface Deliveries {
  /** Batches by outcome. */
  readonly requests: Requests;
  /** Delivered records. */
  records: number;
  /** Bytes of delivered bodies as sent, without headers and TLS. */
  bytes: number;
  /** When the last batch was delivered; undefined before the first. */
  last: Seconds | undefined;
  /** Sum of the records' ages at delivery; divided by their number, the mean delay. */
  delays: Seconds;
}

export function newDeliveries(): Deliveries {
  const requests = { delivered: 0, unavailable: 0, unauthorized: 0, "too-large": 0, refused: 0 };
  return { requests, records: 0, bytes: 0, last: undefined, delays: seconds(0) };
}

/** Each kind of records that is delivered. */
export const SIGNALS = ["metrics", "logs", "sketches", "events", "checks"] as const;

export type Signal = (typeof SIGNALS)[number];
export type AllDeliveries = Readonly<Record<Signal, Deliveries>>;

export function newAllDeliveries(): AllDeliveries {
  return {
    metrics: newDeliveries(),
    logs: newDeliveries(),
    sketches: newDeliveries(),
    events: newDeliveries(),
    checks: newDeliveries(),
  };
}

/**
 * Wraps an output and counts what it does.
 * @param timeOf the record's timestamp
 * @param onDelivered called with each delivered batch and the bytes of its body
 */
export function withDeliveryStats<T>(
  output: Output<T>,
  {
    deliveries,
    clock,
    timeOf,
    onDelivered,
  }: {
    deliveries: Deliveries;
    clock: Clock;
    timeOf(record: T): Seconds;
    onDelivered?(batch: readonly T[], bytes: number): void;
  },
): Output<T> {
  return {
    send: async (batch, signal) => {
      const outcome = await output.send(batch, signal);
      deliveries.requests[outcome.kind] += 1;
      if (outcome.kind === "delivered") {
        const now = toSeconds(clock.now());
        deliveries.records += batch.length;
        deliveries.bytes += outcome.bytes;
        deliveries.last = now;
        for (const record of batch) {
          deliveries.delays = seconds(deliveries.delays + Math.max(0, now - timeOf(record)));
        }
        onDelivered?.(batch, outcome.bytes);
      }
      return outcome;
    },
    check: (signal) => output.check(signal),
    close: () => output.close(),
  };
}
