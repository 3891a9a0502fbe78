/** How fast records come into a queue and leave it: over the last minute, from looks taken every few seconds. */
import type { Milliseconds } from "@chouette-iot/record";
import { total } from "./ledger.js";
import type { QueueStatus } from "./queues.js";

export interface Rates {
  /** Records a second. */
  readonly in: number;
  readonly out: number;
}

interface Look {
  readonly at: Milliseconds;
  /** By queue. */
  readonly sums: ReadonlyMap<string, { readonly in: number; readonly out: number }>;
}

const SPAN_MS = 60_000;

export class RateMeter {
  /** From the oldest. */
  #looks: readonly Look[] = [];

  /** @param at on the clock's even run */
  add(at: Milliseconds, queues: readonly QueueStatus[]): void {
    const sums = new Map(
      queues.map(({ name, ledger }) => [
        name,
        { in: ledger.accepted, out: total(ledger.done) + total(ledger.dropped) },
      ]),
    );
    this.#looks = [...this.#looks.filter((look) => at - look.at <= SPAN_MS), { at, sums }];
  }

  /** Undefined until the queue was looked at twice. */
  of(queue: string): Rates | undefined {
    const first = this.#looks[0];
    const last = this.#looks.at(-1);
    const [from, to] = [first?.sums.get(queue), last?.sums.get(queue)];
    if (first === undefined || last === undefined || from === undefined || to === undefined) return undefined;
    const span = (last.at - first.at) / 1000;
    if (span <= 0) return undefined;
    return { in: Math.max(0, to.in - from.in) / span, out: Math.max(0, to.out - from.out) / span };
  }
}
