/**
 * How large a batch may be, in records and bytes: smaller after the link broke while one was sent, then growing again.
 *
 * On a link that is slow or breaks often, a body that takes longer than the link lasts would be sent again and again
 * and never arrive. While everything is refused, batches of one record probe whether anything is accepted again.
 */
import type { SendFailure } from "./delivery.js";

/** Of stored values, in characters. Intakes accept 5 MB: a larger batch would only be encoded to be split. */
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

  /** Limit of the stored values' total length, in characters. */
  get length(): number {
    return this.#share * MAX_BATCH_LENGTH;
  }

  grow(): void {
    this.#share = Math.min(1, this.#share + GROWTH);
  }

  /** After a batch that wasn't delivered: halves the size if the link broke while it was sent. */
  shrinkAfter(failure: SendFailure): void {
    if (failure.kind === "unavailable" && !failure.answered && failure.bytes > 0) this.#share /= 2;
  }

  /** After a release in which everything was refused: batches of one record until one is accepted. */
  probe(): void {
    this.#share = 0;
  }

  /** Whether batches have one record, to find out whether anything is accepted again. */
  get isProbing(): boolean {
    return this.#share === 0;
  }
}
