/** Reads the size, age and ledger of each queue. */
import type { QueueNames, Store } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";
import { type Ledger, ledgerOf } from "./ledger.js";

export interface QueueStatus {
  readonly name: string;
  readonly ledger: Ledger;
  /** The age of the oldest record; undefined if the queue is empty. */
  readonly oldestAge?: Seconds | undefined;
}

/** The store may change while it is read: it is read again until two snapshots agree, up to this number. */
const MAX_SNAPSHOTS = 5;

/** Rejects if the store does. */
export async function readQueues(
  store: Store,
  names: QueueNames,
  now: Seconds,
): Promise<readonly QueueStatus[]> {
  const queues = Object.values(names) as readonly string[];
  const { counters, sizes } = await snapshot(store, queues);
  return Promise.all(
    queues.map(async (name, index) => {
      const [oldest] = await store.read(name, { limit: 1 });
      return {
        name,
        ledger: ledgerOf(name, counters, sizes[index] ?? 0),
        oldestAge: oldest && age(now, oldest.score),
      };
    }),
  );
}

interface Snapshot {
  readonly counters: ReadonlyMap<string, number>;
  readonly sizes: readonly number[];
}

async function snapshot(store: Store, queues: readonly string[]): Promise<Snapshot> {
  let last = await snapshotOnce(store, queues);
  for (let taken = 1; taken < MAX_SNAPSHOTS; taken++) {
    const next = await snapshotOnce(store, queues);
    if (isSame(last, next)) break;
    last = next;
  }
  return last;
}

async function snapshotOnce(store: Store, queues: readonly string[]): Promise<Snapshot> {
  const [counters, ...sizes] = await Promise.all([
    store.counters(),
    ...queues.map((queue) => store.size(queue)),
  ]);
  return { counters, sizes };
}

function isSame(a: Snapshot, b: Snapshot): boolean {
  const texts = [a, b].map(({ counters, sizes }) => JSON.stringify([[...counters], sizes]));
  return texts[0] === texts[1];
}

/** In whole milliseconds, and at least 0: a client's clock may be ahead. */
function age(now: Seconds, time: number): Seconds {
  return seconds(Math.max(0, Math.round((now - time) * 1000) / 1000));
}
