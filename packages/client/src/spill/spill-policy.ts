/**
 * Decides when records move from memory to the spill: after a second without a broker, including those in doubt; immediately
 * if memory is full; and all of them at the end of the process.
 *
 * While the disk refuses writes, records stay in memory as long as there is room.
 */
import { withoutShard } from "@chouette-iot/queue";
import { monotonicNow, startInterval, stopInterval, type Timer } from "@chouette-iot/record/host";
import { asError } from "../any-error.js";
import type { Batch } from "../batch.js";
import type { Outbox } from "../outbox.js";
import type { Senders } from "../senders.js";
import type { Doubt } from "./segment-text.js";
import type { Spill } from "./spill.js";

const SPILL_AFTER_MS = 1_000;
/** Pause after the disk has refused a write. */
const DISK_RETRY_MS = 30_000;

export class SpillPolicy {
  readonly #spill: Spill;
  readonly #outbox: Outbox;
  readonly #senders: Senders;
  readonly #onError: (error: Error) => void;
  readonly #timer: Timer;
  #refusedUntil = 0;

  constructor(spill: Spill, outbox: Outbox, senders: Senders, onError: (error: Error) => void) {
    this.#spill = spill;
    this.#outbox = outbox;
    this.#senders = senders;
    this.#onError = onError;
    this.#timer = startInterval(() => this.#takeOlderThan(SPILL_AFTER_MS, false), SPILL_AFTER_MS);
  }

  /** Spills a batch that memory has no room for. Returns false if the disk refuses. */
  take(batch: Batch): boolean {
    return this.#write(batch);
  }

  /** Spills everything, at the end of the process. */
  takeAll(): void {
    stopInterval(this.#timer);
    this.#refusedUntil = 0;
    this.#takeOlderThan(Number.NEGATIVE_INFINITY, true);
    this.#spill.release();
  }

  #takeOlderThan(age: number, all: boolean): void {
    this.#senders.spillInDoubt(all, (batch, doubt) => this.#write(batch, doubt));
    this.#outbox.offerOlderThan(age, (batch) => this.#write(batch));
  }

  #write(batch: Batch, doubt?: Doubt): boolean {
    if (monotonicNow() < this.#refusedUntil) return false;
    try {
      const rows = batch.rows();
      this.#spill.write({ ...rows, queue: withoutShard(rows.queue) }, doubt);
      return true;
    } catch (error) {
      this.#refusedUntil = monotonicNow() + DISK_RETRY_MS;
      this.#onError(asError(error));
      return false;
    }
  }
}
