/**
 * The content of the store: queues, state and counters, as the journal describes them.
 *
 * A change is applied in the same way when it is committed and when the journal is replayed. Orphans are bounded in memory:
 * if there are too many, the oldest of the queue that has most of them is displaced, and counted.
 */
import { counterName } from "../disposition.js";
import type { Change } from "./change.js";
import type { Entry } from "./memory-table.js";
import { QueueContent } from "./queue-content.js";

/** Limit of the orphans of all queues, in estimated bytes of memory. */
const MAX_ORPHAN_BYTES = 16 * 1024 * 1024;
/** Bytes that a record takes on disk besides its texts. */
const RECORD_OVERHEAD = 40;

export class Content {
  readonly queues = new Map<string, QueueContent>();
  readonly state = new Map<string, string>();
  readonly counters = new Map<string, number>();
  /** The number of the next record. */
  nextNumber = 1;
  /** Called with each record that enters memory, and with the number of each that leaves it. */
  onEntry: ((entry: Entry) => void) | undefined;
  onLeft: (number: number) => void = () => {};

  /** The queue of this name, created on first use. */
  queue(name: string): QueueContent {
    let queue = this.queues.get(name);
    if (queue === undefined) {
      queue = new QueueContent(name, (number) => this.onLeft(number));
      this.queues.set(name, queue);
    }
    return queue;
  }

  /** Applies a change, except its runs. */
  apply({ removals, orphanRemovals, writes, state, counters, increments }: Change): void {
    for (const removal of removals ?? []) this.queue(removal.queue).remove(removal);
    for (const { queue, ids } of orphanRemovals ?? []) {
      for (const id of ids) this.queue(queue).orphans.delete(id);
    }
    let mayHaveAddedOrphans = false;
    for (const write of writes ?? []) {
      this.nextNumber = Math.max(this.nextNumber, write.first + write.records.length);
      const queue = this.queue(write.queue);
      queue.write(write, this.onEntry);
      mayHaveAddedOrphans ||= queue.orphans.size > 0;
    }
    if (mayHaveAddedOrphans) this.#boundOrphans();
    for (const [key, text] of state ?? []) {
      if (text === undefined) this.state.delete(key);
      else this.state.set(key, text);
    }
    for (const [name, value] of counters ?? []) this.counters.set(name, value);
    for (const [name, by] of increments ?? []) this.#increment(name, by);
  }

  #increment(name: string, by: number): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + by);
  }

  #orphanBytes(): number {
    let bytes = 0;
    for (const { orphans } of this.queues.values()) bytes += orphans.memoryBytes;
    return bytes;
  }

  #boundOrphans(): void {
    const queues = [...this.queues.values()];
    while (this.#orphanBytes() > MAX_ORPHAN_BYTES) {
      const { name, orphans } = queues.reduce((one, other) =>
        other.orphans.memoryBytes > one.orphans.memoryBytes ? other : one,
      );
      orphans.deleteOldest();
      this.#increment(counterName(name, "displaced"), 1);
    }
  }

  sizes(): ReadonlyMap<string, number> {
    return new Map([...this.queues].map(([name, queue]) => [name, queue.size]));
  }

  /** Estimated bytes of records in memory. */
  memoryBytes(): number {
    let bytes = 0;
    for (const queue of this.queues.values()) bytes += queue.memoryBytes;
    return bytes;
  }

  /** Estimated bytes on disk, without removed records. */
  diskBytes(): number {
    let bytes = 0;
    for (const [key, text] of this.state) bytes += key.length + text.length;
    for (const { table, frozen, runs, orphans } of this.queues.values()) {
      for (const one of [table, frozen?.table]) {
        if (one !== undefined) bytes += one.textBytes + one.size * RECORD_OVERHEAD;
      }
      for (const run of runs) bytes += run.liveBytes;
      bytes += orphans.textBytes;
    }
    return bytes;
  }
}
