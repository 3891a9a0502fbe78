/**
 * What one atomic step of a client stores: ids and values joined to whole records, by queue and id.
 *
 * Within a batch the last word on an id holds, as it would in Redis.
 */
import type { QueueWrite } from "@chouette-iot/queue";
import type { NewMarker } from "./client-markers.js";

/** A {@link QueueWrite} in the making: whoever asks for it gives it a score or a value. */
export interface Draft {
  readonly queue: string;
  readonly id: string;
  score?: number;
  value?: string;
}

/** What a draft costs in memory beside its id and value, roughly. */
const DRAFT_OVERHEAD = 160;

export class WriteBatch {
  readonly #queues = new Map<string, Map<string, Draft>>();
  /** Markers to store beside the records, by their keys. */
  readonly markers = new Map<string, NewMarker>();
  /** Bytes of the requests that it was made of. */
  bytes = 0;
  #drafts = 0;

  get empty(): boolean {
    return this.#queues.size === 0 && this.markers.size === 0;
  }

  /** What it holds in memory, in bytes. */
  get heldBytes(): number {
    return this.bytes + (this.#drafts + this.markers.size) * DRAFT_OVERHEAD;
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
      this.#drafts++;
    }
    return draft;
  }

  writes(): readonly QueueWrite[] {
    return [...this.#queues.values()].flatMap((drafts) => [...drafts.values()]);
  }

  clear(): void {
    this.#queues.clear();
    this.markers.clear();
    this.bytes = 0;
    this.#drafts = 0;
  }
}
