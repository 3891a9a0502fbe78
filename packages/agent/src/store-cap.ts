/** Holds the embedded store to its size (STORE_MAX_BYTES). */
import { type BrokerStore, makeRoom, type QueueNames } from "@chouette-iot/queue";
import { milliseconds } from "@chouette-iot/record";
import type { Clock } from "./clock.js";
import type { Outage } from "./outage.js";

const CHECK_INTERVAL = milliseconds(1_000);

export interface StoreCapOptions {
  readonly store: BrokerStore;
  readonly queues: QueueNames;
  readonly clock: Clock;
  readonly mostBytes: number;
  /** Of room in the store, and of the store itself. */
  readonly roomOutage: Outage;
  readonly storeOutage: Outage;
  /** Does the step, or nothing while records are being moved: what is evicted must not come back. */
  unlessMoving(step: () => Promise<void>): Promise<unknown>;
}

/** Until the signal is aborted. Between two looks a burst may go over the cap by a second's worth. */
export async function runStoreCap(options: StoreCapOptions, signal: AbortSignal): Promise<void> {
  const { store, queues, clock, mostBytes, roomOutage, storeOutage, unlessMoving } = options;
  while (!signal.aborted) {
    try {
      await unlessMoving(async () => {
        const displaced = await makeRoom(store, queues, mostBytes);
        if (displaced > 0)
          roomOutage.begin("STORE_MAX_BYTES is reached: the oldest records leave, and are counted");
        else roomOutage.end();
      });
    } catch (error) {
      storeOutage.begin(error instanceof Error ? error.message : String(error));
    }
    await clock.sleep(CHECK_INTERVAL, signal);
  }
}
