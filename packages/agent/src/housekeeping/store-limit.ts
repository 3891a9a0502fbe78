/** Holds the embedded store to its size: STORE_MAX_BYTES, or a share of the file system that it is on. */
import { statfs } from "node:fs/promises";
import { evictUntil, type QueueNames, type SizeLimit, type Store } from "@chouette-iot/queue";
import { milliseconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import { beginOutage, type LoopOutages, type Outage } from "../runtime/outage.js";

const CHECK_INTERVAL = milliseconds(1_000);

/**
 * What systemd's journal takes by default, too: a tenth of the file system, at most 4 GiB. It leaves room for the system
 * and its updates on a small card, and keeps weeks of a device's metrics.
 */
const SHARE_OF_FILE_SYSTEM = 1 / 10;
const MAX_DEFAULT_LIMIT = 4 * 1024 ** 3;
/** A store takes some pages even if it is empty. */
const MIN_DEFAULT_LIMIT = 4 * 1024 ** 2;

/** The limit, in bytes, of a store in this folder if no setting gives one. */
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
  /** Does the step, or nothing while records are being moved: what is evicted must not come back. */
  unlessMoving(step: () => Promise<void>): Promise<unknown>;
}

/** Until the signal is aborted. Between two checks a burst may exceed the limit by a second's worth. */
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
