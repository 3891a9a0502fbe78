/**
 * The records that one atomic step of a client stores. Ids with scores and ids with values are joined by queue and id.
 *
 * Within a batch, the last command for an id wins, as in Redis.
 */
import type { QueueWrite } from "@chouette-iot/queue";
import type { NewMarker } from "./client-markers.js";

/** A {@link QueueWrite} under construction: commands add its score or value. */
interface Draft {
  readonly queue: string;
  readonly id: string;
  score?: number;
  value?: string;
}

const NO_MARKERS: ReadonlyMap<string, NewMarker> = new Map();

/** Approximate memory of a draft, besides its id and value. */
const DRAFT_OVERHEAD = 160;

export class WriteBatch {
  /** The first draft. Most batches have only one and need no maps. */
  #first: Draft | undefined;
  /** All drafts by queue and id, if there are several. */
  #queues: Map<string, Map<string, Draft>> | undefined;
  #markers: Map<string, NewMarker> | undefined;
  /** Bytes of its requests. */
  bytes = 0;
  #drafts = 0;

  get empty(): boolean {
    return this.#drafts === 0 && this.#markers === undefined;
  }

  /** Markers to store with the records, by key. */
  get markers(): ReadonlyMap<string, NewMarker> {
    return this.#markers ?? NO_MARKERS;
  }

  /** Bytes that it holds in memory. */
  get heldBytes(): number {
    return this.bytes + (this.#drafts + this.markers.size) * DRAFT_OVERHEAD;
  }

  /** The draft of a record, created if it doesn't exist. */
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
