/**
 * Counts what a Redis server with an `allkeys` policy evicted. It evicts whole keys, and so whole queues, and reports only
 * how many keys.
 *
 * Promises: a known loss is counted in the ledger as evicted by Redis, any other as a loss of unknown size, never as none.
 * Known are all records of queues that only Chouette writes, and of the others those that left between two checks
 * without being counted. Unknown are records that clients stored and Redis evicted between two checks, and everything
 * once the counters themselves were evicted. If the account has no right to INFO, evictions go unnoticed.
 */
import { counterName, type QueueNames, type Store, unknownLossCounter } from "@chouette-iot/queue";
import type { Census, ServerInfo } from "@chouette-iot/queue/redis";

/** What is needed of a Redis server beyond the interface of a store. */
export interface RedisServer {
  /** Undefined if the account has no right to it. */
  serverInfo(): Promise<ServerInfo | undefined>;
  census(queues: readonly string[]): Promise<Census>;
}

/** Key of the state that says how many keys had been evicted, in which run of the server. */
const STATE = "redis:evicted";

interface Known {
  readonly runId: string;
  readonly keys: number;
}

export class RedisEvictions {
  readonly #store: Store;
  readonly #server: RedisServer;
  readonly #names: QueueNames;
  #known: Known | undefined;
  #census: Census | undefined;

  constructor(store: Store, server: RedisServer, names: QueueNames) {
    this.#store = store;
    this.#server = server;
    this.#names = names;
  }

  /** Counts what was evicted since the last check, by this process or an earlier one. Rejects if the store does. */
  async check(): Promise<void> {
    // Asked before and after: an eviction that the census shows is counted in the second answer.
    const first = await this.#server.serverInfo();
    const [text] = await this.#store.state([STATE]);
    const census = await this.#server.census(Object.values(this.#names));
    const second = await this.#server.serverInfo();
    if (first === undefined || second === undefined) return;
    const next: Known = { runId: first.runId, keys: first.evictedKeys };
    // Without state, this is the first check ever, or the state was evicted, too.
    const known = decodeState(text) ?? this.#known ?? { runId: first.runId, keys: 0 };
    const evicted = second.evictedKeys - (known.runId === second.runId ? known.keys : 0);
    // Other policies evict only keys with an expiry, which no queue has.
    const hasLost = evicted > 0 && second.policy.startsWith("allkeys");
    const count = hasLost ? this.#losses(census) : new Map<string, number>();
    const after = JSON.stringify(next);
    if (after !== text || count.size > 0)
      await this.#store.settle({ state: new Map([[STATE, after]]), count });
    this.#known = next;
    this.#census = count.size > 0 ? undefined : census;
  }

  #losses(census: Census): Map<string, number> {
    const count = new Map<string, number>();
    const { rawMetrics, logs } = this.#names;
    for (const queue of Object.values(this.#names) as readonly string[]) {
      const isClients = queue === rawMetrics || queue === logs;
      const accepted = (of: Census) => of.counters.get(counterName(queue, "accepted")) ?? 0;
      const before = this.#census;
      const areCountersLost = before !== undefined && accepted(census) < accepted(before);
      const known = isClients
        ? lostSince(before, census, queue)
        : accepted(census) - accountedFor(census, queue);
      if (known > 0) count.set(counterName(queue, "evicted_by_redis"), known);
      if (isClients || areCountersLost) count.set(unknownLossCounter(queue), 1);
    }
    return count;
  }
}

/** Records that left the queue without being counted. */
function lostSince(before: Census | undefined, now: Census, queue: string): number {
  return before === undefined ? 0 : accountedFor(before, queue) - accountedFor(now, queue);
}

/** Records that are in the queue, or that were counted when they left it. */
function accountedFor({ counters, pending }: Census, queue: string): number {
  const accepted = counterName(queue, "accepted");
  const prefix = accepted.slice(0, -"accepted".length);
  let sum = pending.get(queue) ?? 0;
  for (const [name, by] of counters) {
    if (name.startsWith(prefix) && name !== accepted && name !== unknownLossCounter(queue)) sum += by;
  }
  return sum;
}

function decodeState(text: string | undefined): Known | undefined {
  if (text === undefined) return undefined;
  try {
    const { runId, keys } = JSON.parse(text) as Partial<Known>;
    return typeof runId === "string" && typeof keys === "number" ? { runId, keys } : undefined;
  } catch {
    return undefined;
  }
}
