/**
 * What the store keeps of windows beside their state: contexts of parts and last seconds, and the times of gauges.
 *
 * What can't be read, since somebody else wrote it or a disk lost a part of it, is none, and becomes a dead letter.
 */
import type { NewRecord, QueueNames, Store } from "@chouette-iot/queue";
import type { Seconds } from "@chouette-iot/record";
import { restoreContexts, type SavedContext } from "../aggregation/saved-contexts.js";
import { rejectKept } from "./rejections.js";

interface Unreadable {
  readonly text: string;
  readonly reason: string;
  readonly start: Seconds;
}

export class KeptContexts {
  readonly #texts: ReadonlyMap<string, string | undefined>;
  readonly #globalTags: readonly string[];
  #unreadable: Unreadable[] = [];

  private constructor(texts: ReadonlyMap<string, string | undefined>, globalTags: readonly string[]) {
    this.#texts = texts;
    this.#globalTags = globalTags;
  }

  /**
   * Rejects if the store does.
   * @param globalTags of every series
   */
  static async read(
    { store, globalTags }: { readonly store: Store; readonly globalTags: readonly string[] },
    keys: readonly string[],
  ): Promise<KeptContexts> {
    const texts = keys.length === 0 ? [] : await store.state(keys);
    return new KeptContexts(new Map(keys.map((key, index) => [key, texts[index]])), globalTags);
  }

  /** Undefined if nothing is kept there, or it wasn't read. */
  text(key: string): string | undefined {
    return this.#texts.get(key);
  }

  /** @param start of the window that they are kept of */
  contexts(key: string, start: Seconds): readonly SavedContext[] {
    const text = this.#texts.get(key);
    const restored = restoreContexts(text, this.#globalTags);
    if (restored.ok) return restored.saved;
    this.#unreadable.push({ text: text ?? "", reason: restored.reason, start });
    return [];
  }

  /** What couldn't be read since the last call, as dead letters of this time. */
  takeUnreadable(queues: QueueNames, at: Seconds): readonly NewRecord[] {
    const unreadable = this.#unreadable;
    this.#unreadable = [];
    return unreadable.map(({ text, reason, start }) => rejectKept(text, reason, start, queues, at));
  }
}
