/** Checks the store at the end of a run: its ledger and its dead letters. */
import { type Position, type QueueNames, queueNames, type Store } from "@chouette-iot/queue";
import { decodeReadyMetric, type ReadyMetric, type Rejected } from "@chouette-iot/record";

const queues = queueNames();
const PAGE = 10_000;

/**
 * The errors in the ledger's sums: for each queue, accepted must be done + pending + dropped.
 * @param stored number of records stored in the raw queue, since clients' writes have no counter; undefined if it isn't known
 * @param names the store's queues, if they are a shard's
 */
export async function checkLedger(
  store: Store,
  stored: number | undefined,
  names: QueueNames = queues,
): Promise<readonly string[]> {
  const counters = await store.counters();
  const wrong: string[] = [];
  for (const queue of [names.rawMetrics, names.readyMetrics, names.rejected]) {
    const fates = fatesOf(queue, counters);
    const pending = await store.size(queue);
    const left = fates.reduce((sum, [, count]) => sum + count, pending);
    const accepted = queue === names.rawMetrics ? (stored ?? left) : (counters.get(`${queue}:accepted`) ?? 0);
    if (left === accepted) continue;
    const told = fates.map(([name, count]) => `${count} ${name.slice(queue.length + 1)}`).join(", ");
    wrong.push(`${queue}: ${accepted} accepted, but ${told} and ${pending} pending make ${left}`);
  }
  return wrong;
}

/** The number of records that left a queue, by the counter of what became of them. */
export function fatesOf(
  queue: string,
  counters: ReadonlyMap<string, number>,
): readonly (readonly [counter: string, count: number])[] {
  return [...counters].filter(([name]) => name.startsWith(`${queue}:`) && !name.endsWith(":accepted"));
}

export interface SetAside extends Rejected {
  readonly id: string;
}

export async function readRejected(store: Store): Promise<readonly SetAside[]> {
  const found: SetAside[] = [];
  for (let after: Position | undefined; ; ) {
    const page = await store.read(queues.rejected, {
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    after = page.at(-1);
    if (after === undefined) return found;
    for (const { id, value = "" } of page) {
      const rejected: Rejected = JSON.parse(value);
      found.push({ ...rejected, id: rejected.id ?? id });
    }
  }
}

/** Ready metrics that the intake refused, those of a window in the order in which it was emitted. */
export function refusedMetrics(setAside: readonly SetAside[], reason: string): readonly ReadyMetric[] {
  const emission = ({ id }: SetAside) => Number(id.split(".")[1]);
  return setAside
    .filter((rejected) => rejected.queue === queues.readyMetrics && rejected.reason.includes(reason))
    .sort((a, b) => emission(a) - emission(b))
    .flatMap(({ value }) => {
      const decoded = decodeReadyMetric(value ?? "");
      return decoded.ok ? [decoded.value] : [];
    });
}
