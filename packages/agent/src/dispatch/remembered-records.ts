/**
 * The last records of a queue that were delivered, in case they come back: after a failover to a Redis that hadn't copied their
 * settlement, or because a client has stored them again there. For records that would count twice, such as logs.
 *
 * It outlives the pipeline, which ends if the lease may have been lost. Bounded, in memory.
 */
import type { StoredRecord } from "@chouette-iot/queue";

/** In characters of values: seconds of logs, while a Redis copies in milliseconds. */
const MAX_LENGTH = 1_000_000;

export class RememberedRecords {
  /** Values by id, the oldest first. */
  readonly #values = new Map<string, string>();
  #length = 0;

  add(records: readonly StoredRecord[]): void {
    for (const { id, value = "" } of records) {
      this.#forget(id);
      this.#values.set(id, value);
      this.#length += value.length;
    }
    for (const id of this.#values.keys()) {
      if (this.#length <= MAX_LENGTH) return;
      this.#forget(id);
    }
  }

  /** Whether this record was added, with the same value. */
  has({ id, value }: StoredRecord): boolean {
    return value !== undefined && this.#values.get(id) === value;
  }

  #forget(id: string): void {
    this.#length -= this.#values.get(id)?.length ?? 0;
    this.#values.delete(id);
  }
}
