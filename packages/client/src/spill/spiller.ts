/**
 * The spiller: decides what goes from memory to the spill, and when. What has waited for a second goes, and so does what is in
 * doubt while the broker is away; what finds no room in memory goes at once; at the end of the process all that is left does.
 *
 * Where the disk refuses, what memory has room for stays there.
 */
import type { Batch } from "../batch.js";
import type { Outbox } from "../outbox.js";
import type { Sender } from "../sender.js";
import type { Doubt } from "./segment-text.js";
import type { Spill } from "./spill.js";

const PATIENCE = 1_000;
/** While the disk refuses, it is asked again after this many milliseconds. */
const DISK_PAUSE = 30_000;

export class Spiller {
  readonly #spill: Spill;
  readonly #outbox: Outbox;
  readonly #sender: Sender;
  readonly #onError: (error: Error) => void;
  readonly #timer: NodeJS.Timeout;
  #refusedUntil = 0;

  constructor(spill: Spill, outbox: Outbox, sender: Sender, onError: (error: Error) => void) {
    this.#spill = spill;
    this.#outbox = outbox;
    this.#sender = sender;
    this.#onError = onError;
    this.#timer = setInterval(() => this.#takeOlderThan(PATIENCE, false), PATIENCE).unref();
  }

  /** Takes a batch that memory has no room for; false where the disk refuses. */
  take(batch: Batch): boolean {
    return this.#write(batch);
  }

  /** Takes all that is left, at the end. */
  takeAll(): void {
    clearInterval(this.#timer);
    this.#refusedUntil = 0;
    this.#takeOlderThan(Number.NEGATIVE_INFINITY, true);
    this.#spill.release();
  }

  #takeOlderThan(age: number, all: boolean): void {
    this.#sender.offerDoubts(all, (batch, doubt) => this.#write(batch, doubt));
    this.#outbox.offerOlderThan(age, (batch) => this.#write(batch));
  }

  #write(batch: Batch, doubt?: Doubt): boolean {
    if (performance.now() < this.#refusedUntil) return false;
    try {
      this.#spill.write(batch.queue, batch.commands(), doubt);
      return true;
    } catch (error) {
      this.#refusedUntil = performance.now() + DISK_PAUSE;
      this.#onError(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }
}
