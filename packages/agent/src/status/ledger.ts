/**
 * A queue's ledger: accepted = done + pending + dropped, from the store's counters and the queue's size.
 *
 * The store keeps the counters and each settlement increments its own, so the sum holds across restarts. Records that
 * clients append aren't counted when they arrive: there, accepted is the sum of the rest.
 */
import { counterName, type Disposition, unknownLossCounter } from "@chouette-iot/queue";

export interface Ledger {
  readonly accepted: number;
  /** Records processed as intended: aggregated, delivered, thinned, requeued. */
  readonly done: Readonly<Record<string, number>>;
  readonly pending: number;
  /** Records that left the queue otherwise, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Accepted and neither done, pending nor dropped: above 0, the store has lost records. */
  readonly missing: number;
  /** How often an unknown number of records was lost: Redis evicted a queue. */
  readonly unknownLosses: number;
}

const DONE: ReadonlySet<string> = new Set<Disposition>(["aggregated", "delivered", "thinned", "requeued"]);

export function ledgerOf(queue: string, counters: ReadonlyMap<string, number>, pending: number): Ledger {
  const done: Record<string, number> = {};
  const dropped: Record<string, number> = {};
  const accepted = counterName(queue, "accepted");
  const unknownLosses = unknownLossCounter(queue);
  const prefix = accepted.slice(0, -"accepted".length);
  for (const [name, count] of counters) {
    if (!name.startsWith(prefix) || name === accepted || name === unknownLosses) continue;
    const fate = name.slice(prefix.length);
    (DONE.has(fate) ? done : dropped)[fate] = count;
  }
  const sum = total(done) + pending + total(dropped);
  const counted = counters.get(accepted) ?? 0;
  // Others may write to any queue: an earlier agent, or a person.
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
