/** Records per second into and out of a queue over the last minute, from snapshots taken every few seconds. */
import type { Milliseconds } from "@chouette-iot/record";
import { total } from "./ledger.js";
import type { QueueStatus } from "./queues.js";

export interface Rates {
  /** Records per second. */
  readonly in: number;
  readonly out: number;
}

interface Snapshot {
  readonly at: Milliseconds;
  /** By queue. */
  readonly sums: ReadonlyMap<string, { readonly in: number; readonly out: number }>;
}

const SPAN_MS = 60_000;

export class RateMeter {
  /** Oldest first. */
  #snapshots: readonly Snapshot[] = [];

  /** @param at on the monotonic clock */
  add(at: Milliseconds, queues: readonly QueueStatus[]): void {
    const sums = new Map(
      queues.map(({ name, ledger }) => [
        name,
        { in: ledger.accepted, out: total(ledger.done) + total(ledger.dropped) },
      ]),
    );
    this.#snapshots = [...this.#snapshots.filter((snapshot) => at - snapshot.at <= SPAN_MS), { at, sums }];
  }

  /** Undefined until there are two snapshots of the queue. */
  of(queue: string): Rates | undefined {
    const first = this.#snapshots[0];
    const last = this.#snapshots.at(-1);
    const [from, to] = [first?.sums.get(queue), last?.sums.get(queue)];
    if (first === undefined || last === undefined || from === undefined || to === undefined) return undefined;
    const span = (last.at - first.at) / 1000;
    if (span <= 0) return undefined;
    return { in: Math.max(0, to.in - from.in) / span, out: Math.max(0, to.out - from.out) / span };
  }
}
