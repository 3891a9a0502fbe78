/**
 * How large a batch may be, in records and bytes: smaller after one that was sent in vain, then growing again.
 *
 * On a link that is slow or breaks often, a body that takes longer than the link lasts would be sent again and again
 * and never arrive. And each attempt costs its bytes, also if the intake, or a middlebox, answers that it is unavailable: as
 * batches are halved, all attempts of an outage cost about two bodies. While everything is refused, batches of one record
 * probe whether anything is accepted again.
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

  /** After a batch that wasn't delivered: halves the size if bytes of it were sent. */
  shrinkAfter(failure: SendFailure): void {
    if (failure.kind === "unavailable" && failure.bytes > 0) this.#share /= 2;
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
