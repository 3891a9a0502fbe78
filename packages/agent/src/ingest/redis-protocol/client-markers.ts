/**
 * Clients' markers: `SET chouette:client:NAME TEXT EX SECONDS`, sent in the MULTI that stores a batch.
 *
 * A client whose connection breaks before EXEC is answered doesn't know whether its batch was stored. It gives
 * each batch a number and stores that number with it; connected again, it ends its former connection (CLIENT
 * KILL), asks for its marker, and stores the batch again only where the marker is another.
 *
 * Promises: a marker is stored with its batch or not at all. It is state in the store and survives a restart.
 * It is forgotten once it expires. When there are too many, the one written longest ago is forgotten, and its state
 * leaves the store in the very step that stores the new one: there are never more than {@link MAX_MARKERS}, of
 * {@link MAX_MARKERS_LENGTH} in all.
 * A connection stores a few only ({@link MAX_OF_CONNECTION}), so that no client can displace the others' markers.
 */
import type { BrokerStore } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds, type Seconds, toMilliseconds } from "@chouette-iot/record";
import type { Clock } from "../../runtime/clock.js";
import { MARKER_PREFIX } from "./queue-keys.js";

const MAX_MARKERS = 10_000;
/** In characters of the marker's stored text: a client's takes some ten, the receipt of a batch (outputs/receipt.ts) up to this. */
export const MAX_MARKER_LENGTH = 65_536;
/** In characters of all of them: they are in memory. */
const MAX_MARKERS_LENGTH = 32 * 1024 * 1024;
/** A client has one marker, and a process few clients. */
export const MAX_OF_CONNECTION = 100;
/** A stored marker is the time of expiry in milliseconds, a space, and the marker's text. */
const STORED_MARKER = /^(\d+) (.*)$/s;

export interface NewMarker {
  readonly text: string;
  readonly lifetime: Seconds;
}

interface Marker {
  readonly expires: Milliseconds;
  readonly length: number;
  /** Another one each time that it is written. */
  readonly version: number;
}

/** State to write by key, or with undefined to delete. */
type StateChanges = ReadonlyMap<string, string | undefined>;

const NO_STATE: StateChanges = new Map();

export class ClientMarkers {
  readonly #clock: Clock;
  /** In the order in which they were last written. */
  readonly #markers = new Map<string, Marker>();
  #length = 0;
  #lastVersion = 0;
  /** Forgotten, while their state is still to be deleted. */
  readonly #forgotten = new Set<string>();

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  static async load(store: BrokerStore, clock: Clock): Promise<ClientMarkers> {
    const markers = new ClientMarkers(clock);
    for (const [key, stored] of await store.stateWithPrefix(MARKER_PREFIX)) {
      const [, expires, text = ""] = STORED_MARKER.exec(stored) ?? [];
      markers.#keep(key, milliseconds(Number(expires ?? 0)), text.length);
    }
    return markers;
  }

  /** The state that keeps these markers, and what to delete in exchange: to be stored in the same step as the batch. */
  stateFor(batch: ReadonlyMap<string, NewMarker>): StateChanges {
    if (batch.size === 0 && this.#forgotten.size === 0) return NO_STATE;
    const written: [string, string][] = [];
    for (const [key, { text, lifetime }] of batch) {
      const expires = milliseconds(this.#clock.now() + toMilliseconds(lifetime));
      this.#keep(key, expires, text.length);
      written.push([key, `${expires} ${text}`]);
    }
    return new Map<string, string | undefined>([...this.#takeForgotten(), ...written]);
  }

  /** State was not stored: what it would have deleted is still there. */
  notStored(state: StateChanges): void {
    for (const [key, text] of state) {
      if (text === undefined && !this.#markers.has(key)) this.#forgotten.add(key);
    }
  }

  /** The text of a stored marker, unless it has expired. */
  textOf(stored: string | undefined): string | undefined {
    return this.#read(stored)?.text;
  }

  /** How long a marker is kept yet, unless it has expired. */
  lifetimeOf(stored: string | undefined): Milliseconds | undefined {
    return this.#read(stored)?.left;
  }

  /** Another one once this marker was written, or forgotten; of a marker that isn't there always the same. */
  versionOf(key: string): number {
    return this.#markers.get(key)?.version ?? 0;
  }

  /** The keys of all markers. */
  keys(): readonly string[] {
    const now = this.#clock.now();
    return [...this.#markers].filter(([, { expires }]) => expires > now).map(([key]) => key);
  }

  /** Forgets what has expired. @returns the state to delete */
  takeExpired(): StateChanges {
    const now = this.#clock.now();
    for (const [key, { expires }] of this.#markers) {
      if (expires <= now) this.#forget(key);
    }
    return new Map(this.#takeForgotten());
  }

  #takeForgotten(): [string, undefined][] {
    const forgotten = [...this.#forgotten].map((key): [string, undefined] => [key, undefined]);
    this.#forgotten.clear();
    return forgotten;
  }

  #read(stored: string | undefined): { readonly text: string; readonly left: Milliseconds } | undefined {
    const [, expires, text] = STORED_MARKER.exec(stored ?? "") ?? [];
    const left = milliseconds(Number(expires) - this.#clock.now());
    return text === undefined || left <= 0 ? undefined : { text, left };
  }

  #keep(key: string, expires: Milliseconds, length: number): void {
    this.#forget(key);
    this.#markers.set(key, { expires, length, version: ++this.#lastVersion });
    this.#length += length;
    this.#forgotten.delete(key);
    for (const oldest of this.#markers.keys()) {
      if (this.#markers.size <= MAX_MARKERS && this.#length <= MAX_MARKERS_LENGTH) return;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    const marker = this.#markers.get(key);
    if (marker === undefined) return;
    this.#markers.delete(key);
    this.#length -= marker.length;
    this.#forgotten.add(key);
  }
}
