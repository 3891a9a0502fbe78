/**
 * What the store remembers of windows: how often each was emitted, and the parts of it that are kept.
 *
 * Promises: a window's notes change in the settlement that makes them true, so that after a crash they tell
 * what was emitted, no more and no less. They are kept until no record of the window can come any more.
 */

import type { Store } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";
import { shiftContexts } from "../aggregation/saved-contexts.js";

export interface WindowNote {
  /** How many times the window was emitted. */
  readonly emitted: number;
  /** Whether parts of it left the raw queue and weren't emitted yet; see {@link WindowNotes.partsKey}. */
  readonly hasParts: boolean;
  /** Whether the values of its last second are kept, to be sent again whole; see {@link WindowNotes.lastKey}. */
  readonly hasLast: boolean;
}

const UNTOUCHED: WindowNote = { emitted: 0, hasParts: false, hasLast: false };

export class WindowNotes {
  readonly #store: Store;
  readonly #queue: string;
  #notes: Map<Seconds, WindowNote> | undefined;

  /** @param queue the raw queue whose windows these are: each shard has its own */
  constructor(store: Store, queue: string) {
    this.#store = store;
    this.#queue = queue;
  }

  /** Reads the notes from the store: before the first flush, and after every settlement whose end isn't known. */
  async load(): Promise<void> {
    const prefix = this.#noteKey("");
    const texts = await this.#store.notesUnder(prefix);
    this.#notes = new Map();
    for (const [key, text] of texts)
      this.#notes.set(seconds(Number(key.slice(prefix.length))), JSON.parse(text));
  }

  get(start: Seconds): WindowNote {
    return this.#notes?.get(start) ?? UNTOUCHED;
  }

  get isLoaded(): boolean {
    return this.#notes !== undefined;
  }

  /** Has {@link load} read everything again before the next flush. */
  forget(): void {
    this.#notes = undefined;
  }

  /** Windows of which parts wait to be emitted. */
  withParts(): readonly Seconds[] {
    return [...(this.#notes ?? [])].filter(([, note]) => note.hasParts).map(([start]) => start);
  }

  /** Windows that start before this time. */
  olderThan(time: number): readonly Seconds[] {
    return [...(this.#notes ?? [])].map(([start]) => start).filter((start) => start < time);
  }

  /** What a settlement writes for a window's note; call {@link set} with the same once it is settled. */
  entry(start: Seconds, note: WindowNote): [key: string, text: string] {
    return [this.#noteKey(start), JSON.stringify(note)];
  }

  /** What a settlement writes to forget windows; call {@link drop} with the same once it is settled. */
  removal(starts: readonly Seconds[]): ReadonlyMap<string, undefined> {
    const keys = starts.flatMap((start) => [this.#noteKey(start), this.partsKey(start), this.lastKey(start)]);
    return new Map(keys.map((key) => [key, undefined]));
  }

  set(start: Seconds, note: WindowNote): void {
    this.#notes?.set(start, note);
  }

  drop(starts: readonly Seconds[]): void {
    for (const start of starts) this.#notes?.delete(start);
  }

  /** The note that holds the contexts of a window that were taken and not emitted. */
  partsKey(start: Seconds): string {
    return `${partsPrefix(this.#queue)}${start}`;
  }

  /** The note that holds the contexts of a window's last second. */
  lastKey(start: Seconds): string {
    return `${lastPrefix(this.#queue)}${start}`;
  }

  #noteKey(start: Seconds | ""): string {
    return `${notePrefix(this.#queue)}${start}`;
  }
}

/**
 * What a settlement writes to have the notes of windows, from one time to another, speak of windows later by so much.
 * A {@link WindowNotes} that has loaded them must forget them then.
 *
 * @param shiftedId the id of a ready metric once it is moved as well
 */
export async function shiftedWindowNotes(
  store: Store,
  queue: string,
  { from, to, by }: { readonly from: Seconds; readonly to: Seconds; readonly by: Seconds },
  shiftedId: (id: string) => string,
): Promise<ReadonlyMap<string, string | undefined>> {
  const moved = new Map<string, string | undefined>();
  const written = new Map<string, string>();
  const shiftedContexts = (text: string) => shiftContexts(text, by, shiftedId);
  for (const [prefix, shiftedText] of [
    [notePrefix(queue), (text: string) => text],
    [partsPrefix(queue), shiftedContexts],
    [lastPrefix(queue), shiftedContexts],
  ] as const) {
    for (const [key, text] of await store.notesUnder(prefix)) {
      const start = Number(key.slice(prefix.length));
      if (start < from || start >= to) continue;
      moved.set(key, undefined);
      written.set(`${prefix}${start + by}`, shiftedText(text));
    }
  }
  return new Map([...moved, ...written]);
}

function notePrefix(queue: string): string {
  return `window:${queue}:`;
}

function partsPrefix(queue: string): string {
  return `parts:${queue}:`;
}

function lastPrefix(queue: string): string {
  return `last:${queue}:`;
}
