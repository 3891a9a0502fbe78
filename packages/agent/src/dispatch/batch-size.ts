/**
 * How large a batch may be: bounded in number and in bytes, less after a body that didn't get through, then more again.
 *
 * On a link that is slow or breaks often, a body that takes longer than the link lasts would be sent again and again
 * and never arrive. If everything is refused, single records find out as well as thousands do when that is over.
 */
import type { SendFailure } from "./delivery.js";

/** Of stored values, in characters. An intake takes 5 MB: what is larger would be encoded only to be split. */
export const MAX_BATCH_LENGTH = 5_000_000;
const GROWTH = 1 / 8;

export class BatchSize {
  readonly #maxRecords: number;
  #share = 1;

  constructor(maxRecords: number) {
    this.#maxRecords = maxRecords;
  }

  get records(): number {
    return Math.max(1, Math.floor(this.#share * this.#maxRecords));
  }

  /** Of their stored values, in characters. */
  get length(): number {
    return this.#share * MAX_BATCH_LENGTH;
  }

  grow(): void {
    this.#share = Math.min(1, this.#share + GROWTH);
  }

  /** After a batch that stays in its queue: halved if the link broke while it was sent. */
  shrinkAfter(failure: SendFailure): void {
    if (failure.kind === "unavailable" && !failure.answered && failure.bytes > 0) this.#share /= 2;
  }

  /** After a release in which everything was refused. */
  probe(): void {
    this.#share = 0;
  }

  /** Whether a single record is to find out whether anything is accepted again. */
  get isProbing(): boolean {
    return this.#share === 0;
  }
}
