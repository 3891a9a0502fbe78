/** What lies in the queues, and what became of all that ever did. */
import type { QueueNames, Store } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";
import { type Ledger, ledgerOf } from "./ledger.js";

export interface QueueStatus {
  readonly name: string;
  readonly ledger: Ledger;
  /** The age of the oldest record; undefined where the queue is empty. */
  readonly oldestAge?: Seconds;
}

/** A running agent changes the store between two looks at it: look again until two of them agree. */
const MOST_LOOKS = 5;

/** Rejects where the store does. */
export async function readQueues(
  store: Store,
  names: QueueNames,
  now: Seconds,
): Promise<readonly QueueStatus[]> {
  const queues = Object.values(names) as readonly string[];
  const { counters, sizes } = await look(store, queues);
  return Promise.all(
    queues.map(async (name, index) => {
      const [oldest] = await store.read(name, { limit: 1 });
      return {
        name,
        ledger: ledgerOf(name, counters, sizes[index] ?? 0),
        ...(oldest === undefined ? {} : { oldestAge: age(now, oldest.score) }),
      };
    }),
  );
}

interface Look {
  readonly counters: ReadonlyMap<string, number>;
  readonly sizes: readonly number[];
}

async function look(store: Store, queues: readonly string[]): Promise<Look> {
  let seen = await lookOnce(store, queues);
  for (let looks = 1; looks < MOST_LOOKS; looks++) {
    const again = await lookOnce(store, queues);
    if (isSame(seen, again)) break;
    seen = again;
  }
  return seen;
}

async function lookOnce(store: Store, queues: readonly string[]): Promise<Look> {
  const [counters, ...sizes] = await Promise.all([
    store.counters(),
    ...queues.map((queue) => store.size(queue)),
  ]);
  return { counters, sizes };
}

function isSame(a: Look, b: Look): boolean {
  const texts = [a, b].map(({ counters, sizes }) => JSON.stringify([[...counters], sizes]));
  return texts[0] === texts[1];
}

/** To the millisecond, and never below 0: a client's clock may be ahead. */
function age(now: Seconds, time: number): Seconds {
  return seconds(Math.max(0, Math.round((now - time) * 1000) / 1000));
}
