/**
 * Clients' markers: `SET chouette:client:NAME TEXT EX SECONDS`, sent in the MULTI that stores a batch.
 *
 * A client whose connection breaks before EXEC is answered doesn't know whether its batch was stored. It gives
 * each batch a number and stores that number with it; connected again, it ends its former connection (CLIENT
 * KILL), asks for its marker, and stores the batch again only where the marker is another.
 *
 * Promises: a marker is stored with its batch or not at all. It is a note of the store and survives a restart.
 * It is forgotten once it expires, and the one written longest ago is forgotten where there are too many.
 */
import type { BrokerStore } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds, type Seconds, toMilliseconds } from "@chouette-iot/record";
import type { Clock } from "../../clock.js";
import { MARKER_PREFIX } from "./keys.js";

const MOST_MARKERS = 10_000;
/** A note is the time of expiry in milliseconds, a space, and the marker's text. */
const NOTE = /^(\d+) (.*)$/s;

export class ClientMarkers {
  readonly #clock: Clock;
  /** When each marker expires, in the order in which they were last written. */
  readonly #expiries = new Map<string, Milliseconds>();
  /** Forgotten because there are too many: their notes are still to be deleted. */
  readonly #forgotten = new Set<string>();

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  static async load(store: BrokerStore, clock: Clock): Promise<ClientMarkers> {
    const markers = new ClientMarkers(clock);
    for (const [key, note] of await store.notesUnder(MARKER_PREFIX)) {
      markers.#keep(key, milliseconds(Number(NOTE.exec(note)?.[1] ?? 0)));
    }
    return markers;
  }

  /** The note that keeps a marker: to be stored in the same step as the batch. */
  noteOf(key: string, text: string, lifetime: Seconds): string {
    const expires = milliseconds(this.#clock.now() + toMilliseconds(lifetime));
    this.#keep(key, expires);
    return `${expires} ${text}`;
  }

  /** The text of a marker's note, unless it has expired. */
  textOf(note: string | undefined): string | null {
    const [, expires, text] = NOTE.exec(note ?? "") ?? [];
    return text === undefined || Number(expires) <= this.#clock.now() ? null : text;
  }

  /**
   * Takes out what has expired or was forgotten: the keys of the notes to delete, before any other marker is
   * written.
   */
  takeExpired(): readonly string[] {
    const now = this.#clock.now();
    const expired = [...this.#expiries].filter(([, expires]) => expires <= now).map(([key]) => key);
    for (const key of expired) this.#expiries.delete(key);
    expired.push(...this.#forgotten);
    this.#forgotten.clear();
    return expired;
  }

  #keep(key: string, expires: Milliseconds): void {
    this.#expiries.delete(key);
    this.#expiries.set(key, expires);
    this.#forgotten.delete(key);
    const [oldest] = this.#expiries.keys();
    if (oldest === undefined || this.#expiries.size <= MOST_MARKERS) return;
    this.#expiries.delete(oldest);
    this.#forgotten.add(oldest);
  }
}
