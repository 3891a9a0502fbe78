/**
 * What one atomic step of a client stores: ids and values joined to whole records, by queue and id.
 *
 * Within a batch the last word on an id holds, as it would in Redis.
 */
import type { QueueWrite } from "@chouette-iot/queue";
import type { NewMarker } from "./client-markers.js";

/** A {@link QueueWrite} in the making: anyone who asks for it gives it a score or a value. */
export interface Draft {
  readonly queue: string;
  readonly id: string;
  score?: number;
  value?: string;
}

const NO_MARKERS: ReadonlyMap<string, NewMarker> = new Map();

/** What a draft costs in memory beside its id and value, roughly. */
const DRAFT_OVERHEAD = 160;

export class WriteBatch {
  /** The one that was asked for first. Most batches have one: they need no maps. */
  #first: Draft | undefined;
  /** All of them, by queue and id, once there are several. */
  #queues: Map<string, Map<string, Draft>> | undefined;
  #markers: Map<string, NewMarker> | undefined;
  /** Bytes of the requests that it was made of. */
  bytes = 0;
  #drafts = 0;

  get empty(): boolean {
    return this.#drafts === 0 && this.#markers === undefined;
  }

  /** Markers to store beside the records, by their keys. */
  get markers(): ReadonlyMap<string, NewMarker> {
    return this.#markers ?? NO_MARKERS;
  }

  /** What it holds in memory, in bytes. */
  get heldBytes(): number {
    return this.bytes + (this.#drafts + this.markers.size) * DRAFT_OVERHEAD;
  }

  /** The draft of a record, the same one for its id and for its value. */
  draft(queue: string, id: string): Draft {
    const first = this.#first;
    if (first === undefined) {
      this.#drafts = 1;
      this.#first = { queue, id };
      return this.#first;
    }
    if (first.id === id && first.queue === queue) return first;
    this.#queues ??= new Map([[first.queue, new Map([[first.id, first]])]]);
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

  setMarker(key: string, marker: NewMarker): void {
    this.#markers ??= new Map();
    this.#markers.set(key, marker);
  }

  writes(): readonly QueueWrite[] {
    if (this.#queues === undefined) return this.#first === undefined ? [] : [this.#first];
    return [...this.#queues.values()].flatMap((drafts) => [...drafts.values()]);
  }

  clear(): void {
    this.#first = undefined;
    this.#queues = undefined;
    this.#markers = undefined;
    this.bytes = 0;
    this.#drafts = 0;
  }
}
