/** Once a minute, and sooner while there are orphans: bounds the dead letters, removes orphans, and counts what Redis evicted. */
import type { QueueNames, Store } from "@chouette-iot/queue";
import { milliseconds, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import { beginOutage, type LoopOutages } from "../runtime/outage.js";
import { type DeadLetterLimits, DeadLetters, maxDeadLetterBytes } from "./dead-letters.js";
import { Orphans } from "./orphans.js";
import { RedisEvictions, type RedisServer } from "./redis-evictions.js";

export interface HousekeepingOptions {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly clock: Clock;
  /** Of all shards. */
  readonly limits: Pick<DeadLetterLimits, "maxRecords" | "ttl">;
  /** Number of shards that share the limits now. */
  shares(): number;
  /** Size limit of the embedded store; undefined for a Redis server. */
  readonly maxBytes: number | undefined;
  /** The Redis server, if that is the store: it has its own limit and may evict. */
  readonly server: RedisServer | undefined;
  readonly outages: LoopOutages;
}

const INTERVAL = milliseconds(60_000);
/** Until the next run if there may be more orphans. */
const SHORT_INTERVAL = milliseconds(10_000);

/** Resolves when the signal is aborted. */
export async function runHousekeeping(options: HousekeepingOptions, signal: AbortSignal): Promise<void> {
  const { store, queues, clock, limits, shares, outages, maxBytes, server } = options;
  const deadLetters = new DeadLetters(store, queues.rejected, clock);
  const orphans = new Orphans(store, queues);
  const evictions = server === undefined ? undefined : new RedisEvictions(store, server, queues);
  while (!signal.aborted) {
    let hasRemoved = false;
    try {
      hasRemoved = await orphans.remove(toSeconds(clock.now()));
      await evictions?.check();
      const storeLimit = maxBytes ?? (await server?.serverInfo())?.maxMemory;
      const count = shares();
      await deadLetters.bound({
        ...limits,
        maxRecords: Math.ceil(limits.maxRecords / count),
        maxBytes: maxDeadLetterBytes(storeLimit) / count,
      });
      outages.own.end();
    } catch (error) {
      if (!signal.aborted) beginOutage(error, outages);
    }
    await clock.sleep(hasRemoved ? SHORT_INTERVAL : INTERVAL, signal);
  }
}
