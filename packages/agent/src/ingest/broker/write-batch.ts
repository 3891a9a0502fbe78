/**
 * What one atomic step of a client stores: ids and values joined to whole records, by queue and id.
 *
 * Within a batch the last word on an id holds, as it would in Redis.
 */
import type { QueueWrite } from "@chouette-iot/queue";

/** A {@link QueueWrite} in the making: whoever asks for it gives it a score or a value. */
export interface Draft {
  readonly queue: string;
  readonly id: string;
  score?: number;
  value?: string;
}

export class WriteBatch {
  readonly #queues = new Map<string, Map<string, Draft>>();
  /** Notes to write beside the records. */
  readonly notes = new Map<string, string>();
  /** Bytes of the requests that it was made of. */
  bytes = 0;

  get empty(): boolean {
    return this.#queues.size === 0 && this.notes.size === 0;
  }

  /** The draft of a record, the same one for its id and for its value. */
  draft(queue: string, id: string): Draft {
    let drafts = this.#queues.get(queue);
    if (drafts === undefined) {
      drafts = new Map();
      this.#queues.set(queue, drafts);
    }
    let draft = drafts.get(id);
    if (draft === undefined) {
      draft = { queue, id };
      drafts.set(id, draft);
    }
    return draft;
  }

  writes(): readonly QueueWrite[] {
    return [...this.#queues.values()].flatMap((drafts) => [...drafts.values()]);
  }

  clear(): void {
    this.#queues.clear();
    this.notes.clear();
    this.bytes = 0;
  }
}
