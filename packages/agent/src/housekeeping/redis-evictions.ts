/**
 * What a Redis with an `allkeys` policy evicted: whole keys, and so whole queues, of which it only counts the keys.
 *
 * Promises: what is known to be lost is counted in the ledger as evicted by Redis; what can't be known is counted as a
 * loss of unknown size, never as none. Known is what left a queue between two checks beyond what the counters say, and
 * for queues that only Chouette writes to everything. Unknown is what clients stored and lost between two checks, and
 * everything once the counters themselves were evicted. Without the right to INFO nothing of this is noticed.
 */
import { counterName, type QueueNames, type Store, unknownLossCounter } from "@chouette-iot/queue";
import type { Census, ServerInfo } from "@chouette-iot/queue/redis";

/** What is asked of a Redis server beyond what a store does. */
export interface RedisServer {
  /** Undefined if the account has no right to it. */
  serverInfo(): Promise<ServerInfo | undefined>;
  census(queues: readonly string[]): Promise<Census>;
}

/** Where the store remembers how many keys had been evicted, in which run of the server. */
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

  /** Counts what was evicted since the last check, in this process or before it. Rejects if the store does. */
  async check(): Promise<void> {
    // Before and after: whatever the census misses because of an eviction is no later than the second.
    const first = await this.#server.serverInfo();
    const [text] = await this.#store.state([STATE]);
    const census = await this.#server.census(Object.values(this.#names));
    const second = await this.#server.serverInfo();
    if (first === undefined || second === undefined) return;
    const next: Known = { runId: first.runId, keys: first.evictedKeys };
    // With nothing known, no agent has looked yet, or what it had stored was evicted as well.
    const known = decoded(text) ?? this.#known ?? { runId: first.runId, keys: 0 };
    const evicted = second.evictedKeys - (known.runId === second.runId ? known.keys : 0);
    // The other policies evict keys that expire, of which no queue is one.
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

/** Records that were there before, and neither are there now nor were counted as they left. */
function lostSince(before: Census | undefined, now: Census, queue: string): number {
  return before === undefined ? 0 : accountedFor(before, queue) - accountedFor(now, queue);
}

/** Records that are in the queue, or have left it and were counted. */
function accountedFor({ counters, pending }: Census, queue: string): number {
  const accepted = counterName(queue, "accepted");
  const prefix = accepted.slice(0, -"accepted".length);
  let sum = pending.get(queue) ?? 0;
  for (const [name, by] of counters) {
    if (name.startsWith(prefix) && name !== accepted && name !== unknownLossCounter(queue)) sum += by;
  }
  return sum;
}

function decoded(text: string | undefined): Known | undefined {
  if (text === undefined) return undefined;
  try {
    const { runId, keys } = JSON.parse(text) as Partial<Known>;
    return typeof runId === "string" && typeof keys === "number" ? { runId, keys } : undefined;
  } catch {
    return undefined;
  }
}
