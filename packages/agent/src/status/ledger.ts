/**
 * A queue's ledger: accepted = done + pending + dropped, from the store's counters and the queue's size.
 *
 * The counters are kept in the store and raised in the settlements that they speak of, so that the sum holds
 * across restarts. What clients write isn't counted as they write it: there, accepted is the sum of the rest.
 */
import { type Fate, fateCounter, unknownLossCounter } from "@chouette-iot/queue";

export interface Ledger {
  readonly accepted: number;
  /** What became of records as it should, by fate: aggregated, delivered, requeued. */
  readonly done: Readonly<Record<string, number>>;
  readonly pending: number;
  /** What left the queue in another way, by its reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Accepted and neither done, pending nor dropped: above 0 means that the store has lost records. */
  readonly missing: number;
  /** How often records were lost whose number nobody knows: by an eviction of Redis. */
  readonly unknownLosses: number;
}

const DONE: ReadonlySet<string> = new Set<Fate>(["aggregated", "delivered", "requeued"]);

export function ledgerOf(queue: string, counters: ReadonlyMap<string, number>, pending: number): Ledger {
  const done: Record<string, number> = {};
  const dropped: Record<string, number> = {};
  const accepted = fateCounter(queue, "accepted");
  const unknownLosses = unknownLossCounter(queue);
  const prefix = accepted.slice(0, -"accepted".length);
  for (const [name, count] of counters) {
    if (!name.startsWith(prefix) || name === accepted || name === unknownLosses) continue;
    const fate = name.slice(prefix.length);
    (DONE.has(fate) ? done : dropped)[fate] = count;
  }
  const sum = total(done) + pending + total(dropped);
  const counted = counters.get(accepted) ?? 0;
  // Others may write to any queue: another agent before this one, or a person.
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
