/**
 * The replies of one connection, sent in the order of the requests as they become known.
 *
 * Promises: a later reply never overtakes an earlier one. `heldBytes` is the memory of everything that waits, so that reading
 * requests can pause in time.
 */

interface Place {
  text: string | undefined;
  readonly bytes: number;
}

/** Approximate memory of a waiting reply, besides its bytes. */
const PLACE_BYTES = 64;

export class ReplyQueue {
  readonly #send: (text: string) => void;
  readonly #places: Place[] = [];
  #heldBytes = 0;

  /** @param send called with known replies, in order */
  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  /** Bytes of requests that wait for their reply, and of replies that wait for earlier ones. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether every request is answered. */
  get empty(): boolean {
    return this.#places.length === 0;
  }

  add(text: string): void {
    if (this.empty) this.#send(text);
    else this.#hold({ text, bytes: text.length + PLACE_BYTES });
  }

  /**
   * Reserves the place of a reply that isn't known yet.
   * @param requestBytes memory that is held until then
   * @returns to be called once, with the reply
   */
  reserve(requestBytes: number): (text: string) => void {
    const place: Place = { text: undefined, bytes: requestBytes + PLACE_BYTES };
    this.#hold(place);
    return (text) => {
      place.text = text;
      this.#sendKnown();
    };
  }

  /** Drops all waiting replies. */
  abandon(): void {
    this.#places.length = 0;
    this.#heldBytes = 0;
  }

  #hold(place: Place): void {
    this.#places.push(place);
    this.#heldBytes += place.bytes;
  }

  #sendKnown(): void {
    let known = "";
    let count = 0;
    for (const { text, bytes } of this.#places) {
      if (text === undefined) break;
      known += text;
      count++;
      this.#heldBytes -= bytes;
    }
    if (count === 0) return;
    this.#places.splice(0, count);
    this.#send(known);
  }
}
