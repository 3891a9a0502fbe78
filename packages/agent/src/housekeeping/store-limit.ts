/** Keeps the embedded store within its size limit: STORE_MAX_BYTES, or a share of its file system. */
import { statfs } from "node:fs/promises";
import { evictUntil, type QueueNames, type SizeLimit, type Store } from "@chouette-iot/queue";
import { milliseconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import { beginOutage, type LoopOutages, type Outage } from "../runtime/outage.js";

const CHECK_INTERVAL = milliseconds(1_000);

/**
 * The default of systemd's journal: a tenth of the file system, at most 4 GiB. On a small card that leaves room for the
 * system and its updates, and still keeps weeks of metrics.
 */
const SHARE_OF_FILE_SYSTEM = 1 / 10;
const MAX_DEFAULT_LIMIT = 4 * 1024 ** 3;
/** Even an empty store takes some pages. */
const MIN_DEFAULT_LIMIT = 4 * 1024 ** 2;

/** The default limit, in bytes, of a store in this directory. Rejects if the directory doesn't exist. */
export async function defaultStoreLimit(directory: string): Promise<number> {
  const { bsize, blocks } = await statfs(directory);
  const share = bsize * blocks * SHARE_OF_FILE_SYSTEM;
  return Math.round(Math.min(MAX_DEFAULT_LIMIT, Math.max(MIN_DEFAULT_LIMIT, share)));
}

export interface StoreLimitOptions extends SizeLimit {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly clock: Clock;
  /** On while records are evicted. */
  readonly full: Outage;
  readonly outages: LoopOutages;
  /** Skips the step while a clock shift moves records: evicted records must not come back. */
  unlessMoving(step: () => Promise<void>): Promise<unknown>;
}

/** Resolves when the signal is aborted. A burst may exceed the limit for a second, until the next check. */
export async function runStoreLimit(options: StoreLimitOptions, signal: AbortSignal): Promise<void> {
  const { store, queues, clock, bytes, maxBytes, full, outages, unlessMoving } = options;
  while (!signal.aborted) {
    try {
      await unlessMoving(async () => {
        const evicted = await evictUntil(store, queues, { bytes, maxBytes });
        if (evicted > 0) full.begin(`evicting the oldest records, limit ${maxBytes} bytes`);
        else full.end();
      });
      outages.own.end();
    } catch (error) {
      if (!signal.aborted) beginOutage(error, outages);
    }
    await clock.sleep(CHECK_INTERVAL, signal);
  }
}
