/**
 * A queue's ledger: accepted = done + pending + dropped, from the store's counters and the queue's size.
 *
 * The counters are in the store and incremented by settlements, so the equation holds across restarts. Records that clients
 * append aren't counted when they arrive: for their queues, accepted is the sum of the rest.
 */
import { counterName, type Disposition, unknownLossCounter } from "@chouette-iot/queue";

export interface Ledger {
  readonly accepted: number;
  /** Records processed as intended: aggregated, routed, delivered, thinned, requeued. */
  readonly done: Readonly<Record<string, number>>;
  readonly pending: number;
  /** Other records that left the queue, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Accepted records that are neither done, pending nor dropped: lost by the store. */
  readonly missing: number;
  /** How often an unknown number of records was lost: Redis evicted a queue. */
  readonly unknownLosses: number;
}

const DONE: ReadonlySet<string> = new Set<Disposition>([
  ...(["aggregated", "routed", "delivered", "thinned", "requeued"] as const),
]);

export function ledgerOf(queue: string, counters: ReadonlyMap<string, number>, pending: number): Ledger {
  const done: Record<string, number> = {};
  const dropped: Record<string, number> = {};
  const accepted = counterName(queue, "accepted");
  const unknownLosses = unknownLossCounter(queue);
  const prefix = accepted.slice(0, -"accepted".length);
  for (const [name, count] of counters) {
    if (!name.startsWith(prefix) || name === accepted || name === unknownLosses) continue;
    const disposition = name.slice(prefix.length);
    (DONE.has(disposition) ? done : dropped)[disposition] = count;
  }
  const sum = total(done) + pending + total(dropped);
  const counted = counters.get(accepted) ?? 0;
  // Earlier agents and people may write to any queue, without counting.
  return {
    accepted: Math.max(counted, sum),
    done,
    pending,
    dropped,
    missing: Math.max(0, counted - sum),
    unknownLosses: counters.get(unknownLosses) ?? 0,
  };
}

export function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
