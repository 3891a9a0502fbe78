/** What an output was asked and what it answered, since the agent's start. */
import { type Seconds, seconds, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../clock.js";
import type { Outcome, Output } from "../outputs/output.js";

export type Requests = Record<Outcome["kind"], number>;

export interface Deliveries {
  /** Batches by what became of them. */
  readonly requests: Requests;
  /** Records that were taken. */
  records: number;
  /** Bodies as sent, headers and TLS aside. */
  bytes: number;
  /** When the last batch was taken; undefined before the first. */
  last: Seconds | undefined;
  /** The sum of the records' ages when they were taken: by their number, the mean delay of a delivery. */
  delays: Seconds;
}

export function newDeliveries(): Deliveries {
  const requests = { delivered: 0, unavailable: 0, unauthorized: 0, "too-large": 0, refused: 0 };
  return { requests, records: 0, bytes: 0, last: undefined, delays: seconds(0) };
}

/** The output, with what it does counted. @param timeOf when the record speaks of */
export function counted<T>(
  output: Output<T>,
  { deliveries, clock, timeOf }: { deliveries: Deliveries; clock: Clock; timeOf(record: T): Seconds },
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
      }
      return outcome;
    },
    check: (signal) => output.check(signal),
    close: () => output.close(),
  };
}
