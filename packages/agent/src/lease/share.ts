/**
 * An agent's share of the shards: how many leases it takes, and which it gives up when its share becomes smaller.
 *
 * Promises: it never takes more than its share, even if it tries to take several at the same moment. Above its share it gives up
 * one after another, so that the others work on. It knows nothing of the store: whether a shard is free is decided by its lease.
 */

/** A shard that this agent works on, or tries to. */
export interface Place {
  /** Aborted when the shard has to be given up. */
  readonly isOver: AbortSignal;
  /** The shard was given up or lost, or couldn't be taken. */
  leave(): void;
}

export class Share {
  readonly #places = new Set<AbortController>();
  #limit = 0;

  /** Number of shards that this agent should work on. */
  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
  }

  /** A place for one more shard; undefined if there is none left. */
  enter(): Place | undefined {
    if (this.#places.size >= this.#limit) return undefined;
    const over = new AbortController();
    this.#places.add(over);
    return { isOver: over.signal, leave: () => this.#places.delete(over) };
  }

  /** Above its share, gives up the shard that was taken last; not while another is being given up. */
  giveUpOne(): void {
    const places = [...this.#places];
    if (places.length <= this.#limit || places.some(({ signal }) => signal.aborted)) return;
    places.at(-1)?.abort();
  }
}

/**
 * The number of shards for one of several members, as evenly as possible.
 *
 * @param place of the member in the list of all of them, from 0; the first ones get what is left over
 */
export function fairShare(shards: number, members: number, place: number): number {
  return Math.floor(shards / members) + (place < shards % members ? 1 : 0);
}
