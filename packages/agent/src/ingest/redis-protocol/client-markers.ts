/**
 * Clients' markers: `SET chouette:client:NAME TEXT EX SECONDS`, sent in the MULTI that stores a batch.
 *
 * If a connection breaks before the reply to EXEC, its client doesn't know whether the batch was stored. So a client numbers
 * its batches and stores the number with each one. After reconnecting, it ends its former connection (CLIENT KILL), reads its
 * marker, and stores the batch again only if the marker has another number.
 *
 * Promises: a marker is stored with its batch or not at all. It is state in the store, survives restarts, and is deleted when
 * it expires. If there are too many, the oldest one is deleted in the step that stores the new one: there are never more than
 * {@link MAX_MARKERS}, with {@link MAX_MARKERS_LENGTH} characters in total. A connection can store only a few
 * ({@link MAX_OF_CONNECTION}), so no client can displace other clients' markers.
 */
import type { BrokerStore } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds, type Seconds, toMilliseconds } from "@chouette-iot/record";
import type { Clock } from "../../runtime/clock.js";
import { MARKER_PREFIX } from "./queue-keys.js";

const MAX_MARKERS = 10_000;
/** Limit of a marker's stored text, in characters: a client's has about ten, a gateway's receipt (outputs/receipt.ts) up to this. */
export const MAX_MARKER_LENGTH = 65_536;
/** Limit of all stored texts together, in characters. */
const MAX_MARKERS_LENGTH = 32 * 1024 * 1024;
/** A client has one marker, and a process has few clients. */
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
  /** Changes each time that it is written. */
  readonly version: number;
}

/** State to write, by key; undefined to delete it. */
export type StateChanges = ReadonlyMap<string, string | undefined>;

const NO_STATE: StateChanges = new Map();

export class ClientMarkers {
  readonly #clock: Clock;
  /** In the order in which they were last written. */
  readonly #markers = new Map<string, Marker>();
  #length = 0;
  #lastVersion = 0;
  /** Keys of forgotten markers whose state has to be deleted. */
  readonly #forgotten = new Set<string>();

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  static async load(store: BrokerStore, clock: Clock): Promise<ClientMarkers> {
    const markers = new ClientMarkers(clock);
    const found = [...(await store.stateWithPrefix(MARKER_PREFIX))].map(([key, stored]) => {
      const [, expires = 0, text = ""] = STORED_MARKER.exec(stored) ?? [];
      return { key, expires: milliseconds(Number(expires)), length: text.length };
    });
    // Nearly the order in which they were written: clients use one lifetime.
    found.sort((one, other) => one.expires - other.expires);
    for (const { key, expires, length } of found) markers.#keep(key, expires, length);
    return markers;
  }

  /** The state to write for these markers, and to delete for forgotten ones: to be stored in the same step as the batch. */
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

  /** The state wasn't stored: what it would have deleted still has to be deleted. */
  notStored(state: StateChanges): void {
    for (const [key, text] of state) {
      if (text === undefined && !this.#markers.has(key)) this.#forgotten.add(key);
    }
  }

  /** The text of a stored marker; undefined if it has expired. */
  textOf(stored: string | undefined): string | undefined {
    return this.#read(stored)?.text;
  }

  /** The remaining lifetime of a stored marker; undefined if it has expired. */
  lifetimeOf(stored: string | undefined): Milliseconds | undefined {
    return this.#read(stored)?.left;
  }

  /** Changes when this marker is written or forgotten; 0 for a missing marker. */
  versionOf(key: string): number {
    return this.#markers.get(key)?.version ?? 0;
  }

  /** The keys of all markers that haven't expired. */
  keys(): readonly string[] {
    const now = this.#clock.now();
    return [...this.#markers].filter(([, { expires }]) => expires > now).map(([key]) => key);
  }

  /** Forgets expired markers. @returns the state to delete */
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
