/**
 * The content of the store: queues, state and counters, as the journal describes them.
 *
 * A change is applied in the same way when it is committed and when the journal is replayed.
 */
import type { Change } from "./change.js";
import type { Entry } from "./memory-table.js";
import { QueueContent } from "./queue-content.js";

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
    for (const write of writes ?? []) {
      this.nextNumber = Math.max(this.nextNumber, write.first + write.records.length);
      this.queue(write.queue).write(write, this.onEntry);
    }
    for (const [key, text] of state ?? []) {
      if (text === undefined) this.state.delete(key);
      else this.state.set(key, text);
    }
    for (const [name, value] of counters ?? []) this.counters.set(name, value);
    for (const [name, by] of increments ?? []) {
      this.counters.set(name, (this.counters.get(name) ?? 0) + by);
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
      for (const [id, value] of orphans) bytes += id.length + value.length;
    }
    return bytes;
  }
}
