/**
 * What the store keeps of windows besides their state: the contexts of parts and last seconds, and the times of gauges.
 *
 * Contexts that can't be read, because another program wrote them or a disk damaged them, become a dead letter.
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

  /** Undefined if nothing is kept under this key, or if it wasn't read. */
  text(key: string): string | undefined {
    return this.#texts.get(key);
  }

  /** @param start of their window */
  contexts(key: string, start: Seconds): readonly SavedContext[] {
    const text = this.#texts.get(key);
    const restored = restoreContexts(text, this.#globalTags);
    if (restored.ok) return restored.value;
    this.#unreadable.push({ text: text ?? "", reason: restored.reason, start });
    return [];
  }

  /** Returns the texts that couldn't be read since the last call, as dead letters. @param at time of the rejection */
  takeUnreadable(queues: QueueNames, at: Seconds): readonly NewRecord[] {
    const unreadable = this.#unreadable;
    this.#unreadable = [];
    return unreadable.map(({ text, reason, start }) => rejectKept(text, reason, start, queues, at));
  }
}
