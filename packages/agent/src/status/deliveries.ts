/** Delivery statistics of an output since the agent's start. */
import { bySignal, type Seconds, type Signal, seconds, toSeconds } from "@chouette-iot/record";
import { RememberedRecords } from "../dispatch/remembered-records.js";
import type { Outcome, Output } from "../outputs/output.js";
import type { Clock } from "../runtime/clock.js";

export type Requests = Record<Outcome["kind"], number>;

export interface Deliveries {
  /** Batches by outcome. */
  readonly requests: Requests;
  /** Delivered records. */
  records: number;
  /** Bytes of delivered bodies as they were sent, without headers and TLS. */
  bytes: number;
  /** Delivered records that were older than Datadog may ingest. */
  old: number;
  /** When the last batch was delivered; undefined before the first. */
  last: Seconds | undefined;
  /** Sum of the records' ages when they were delivered; divided by `records`, the mean delay. */
  delays: Seconds;
  /** The last delivered records; undefined if they may be sent again, because Datadog would keep one of them. */
  readonly remembered: RememberedRecords | undefined;
}

const COUNTS_TWICE: Readonly<Record<Signal, boolean>> = {
  metrics: false,
  sketches: false,
  logs: true,
  events: true,
  checks: false,
};

function newDeliveries(signal: Signal): Deliveries {
  const requests = { delivered: 0, unavailable: 0, unauthorized: 0, "too-large": 0, refused: 0 };
  const remembered = COUNTS_TWICE[signal] ? new RememberedRecords() : undefined;
  return { requests, records: 0, bytes: 0, old: 0, last: undefined, delays: seconds(0), remembered };
}

export type AllDeliveries = Readonly<Record<Signal, Deliveries>>;

export function newAllDeliveries(): AllDeliveries {
  return bySignal(newDeliveries);
}

export interface DeliveryStatsOptions<T> {
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  /** The record's timestamp. */
  timeOf(record: T): Seconds;
  /** Older ones count as old; undefined if none do. */
  readonly ingestedAge: Seconds | undefined;
  /** Called with each delivered batch and the bytes of its body. */
  readonly onDelivered: ((batch: readonly T[], bytes: number) => void) | undefined;
}

/** Wraps an output and counts what it does. */
export function withDeliveryStats<T>(
  output: Output<T>,
  { deliveries, clock, timeOf, ingestedAge, onDelivered }: DeliveryStatsOptions<T>,
): Output<T> {
  return {
    ...(output.resume && { resume: output.resume }),
    send: async (batch, signal, places) => {
      const outcome = await output.send(batch, signal, places);
      deliveries.requests[outcome.kind] += 1;
      if (outcome.kind === "delivered") {
        const now = toSeconds(clock.now());
        deliveries.records += batch.length;
        deliveries.bytes += outcome.bytes;
        deliveries.last = now;
        for (const record of batch) {
          const age = now - timeOf(record);
          deliveries.delays = seconds(deliveries.delays + Math.max(0, age));
          if (ingestedAge !== undefined && age > ingestedAge) deliveries.old += 1;
        }
        onDelivered?.(batch, outcome.bytes);
      }
      return outcome;
    },
    check: (signal) => output.check(signal),
    close: () => output.close(),
  };
}
