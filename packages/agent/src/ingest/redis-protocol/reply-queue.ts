/**
 * The answers of one connection, sent in the order of the requests whenever each becomes known.
 *
 * Promises: a later answer never overtakes an earlier one. `heldBytes` says what all that waits costs, so that
 * anyone who reads the requests can stop in time.
 */

interface Place {
  text: string | undefined;
  readonly bytes: number;
}

/** What an answer that waits costs beside its bytes, roughly. */
const PLACE_BYTES = 64;

export class ReplyQueue {
  readonly #send: (text: string) => void;
  readonly #places: Place[] = [];
  #heldBytes = 0;

  /** @param send takes the answers as far as they are known, in order */
  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  /** What the requests that wait for an answer, and the answers that wait for others, hold in memory. */
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
   * Keeps a place for an answer that isn't known yet.
   * @param requestBytes what is held in memory until it is
   * @returns to be called once, with the answer
   */
  reserve(requestBytes: number): (text: string) => void {
    const place: Place = { text: undefined, bytes: requestBytes + PLACE_BYTES };
    this.#hold(place);
    return (text) => {
      place.text = text;
      this.#sendKnown();
    };
  }

  /** Forgets all that waits: its answers are sent no more. */
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
