/**
 * Clients' markers: `SET chouette:client:NAME TEXT EX SECONDS`, sent in the MULTI that stores a batch.
 *
 * A client whose connection breaks before EXEC is answered doesn't know whether its batch was stored. It gives
 * each batch a number and stores that number with it; connected again, it asks for its marker, and stores the
 * batch again only where the marker is another.
 *
 * Promises: a marker is stored with its batch or not at all. It can't change behind the back of a connection
 * that asked for it: requests of an older connection that are still on their way are refused. A marker is a
 * note of the store and survives a restart. It is forgotten once it expires, and the one written longest ago
 * is forgotten where there are too many.
 */
import type { BrokerStore } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds, type Seconds, toMilliseconds } from "@chouette-iot/record";
import type { Clock } from "../../clock.js";
import { MARKER_PREFIX } from "./keys.js";

interface Marker {
  readonly expires: Milliseconds;
  /** The newest connection that set it or asked for it. */
  readonly connection: number;
}

const MOST_MARKERS = 10_000;
/** How long a marker that was asked for, but isn't there, stays with the connection that asked. */
const CLAIM = milliseconds(3_600_000);
/** A note is the time of expiry in milliseconds, a space, and the marker's text. */
const NOTE = /^(\d+) (.*)$/s;

export class ClientMarkers {
  readonly #clock: Clock;
  /** In the order of the last write or claim. */
  readonly #markers = new Map<string, Marker>();
  /** Forgotten because there are too many: their notes are still to be deleted. */
  readonly #forgotten = new Set<string>();

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  static async load(store: BrokerStore, clock: Clock): Promise<ClientMarkers> {
    const markers = new ClientMarkers(clock);
    for (const [key, note] of await store.notesUnder(MARKER_PREFIX)) {
      markers.#keep(key, { expires: milliseconds(Number(NOTE.exec(note)?.[1] ?? 0)), connection: 0 });
    }
    return markers;
  }

  /** Whether this connection may set or read the marker: not where a newer one has. */
  claim(key: string, connection: number): boolean {
    const marker = this.#markers.get(key);
    if (marker !== undefined && connection < marker.connection) return false;
    this.#keep(key, { expires: marker?.expires ?? milliseconds(this.#clock.now() + CLAIM), connection });
    return true;
  }

  /** The note that keeps a marker which this connection has claimed; to be stored in the same step as the batch. */
  noteOf(key: string, text: string, lifetime: Seconds, connection: number): string {
    const expires = milliseconds(this.#clock.now() + toMilliseconds(lifetime));
    this.#keep(key, { expires, connection });
    return `${expires} ${text}`;
  }

  /** The text of a marker's note, unless it has expired. */
  textOf(note: string | undefined): string | null {
    const [, expires, text] = NOTE.exec(note ?? "") ?? [];
    return text === undefined || Number(expires) <= this.#clock.now() ? null : text;
  }

  /** Takes out what has expired or was forgotten: the keys of the notes to delete at once. */
  takeExpired(): readonly string[] {
    const now = this.#clock.now();
    const expired = [...this.#markers].filter(([, { expires }]) => expires <= now).map(([key]) => key);
    for (const key of expired) this.#markers.delete(key);
    expired.push(...this.#forgotten);
    this.#forgotten.clear();
    return expired;
  }

  #keep(key: string, marker: Marker): void {
    this.#markers.delete(key);
    this.#markers.set(key, marker);
    this.#forgotten.delete(key);
    if (this.#markers.size <= MOST_MARKERS) return;
    for (const oldest of this.#markers.keys()) {
      this.#markers.delete(oldest);
      this.#forgotten.add(oldest);
      break;
    }
  }
}
