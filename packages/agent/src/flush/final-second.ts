/**
 * The contexts of a window's last second, which is sent again whole whenever late records arrive.
 *
 * Promises: their saved text has at most {@link MAX_KEPT_LENGTH} characters, unless an earlier version saved more. A context
 * that would make it longer is refused, and those that are kept stay.
 */
import { type SavedContext, saveContext } from "../aggregation/saved-contexts.js";

/** In characters. Sets and histograms grow with their records. */
const MAX_KEPT_LENGTH = 16 * 1024 * 1024;

export const TOO_LARGE_TO_KEEP =
  "the window's last second, which is kept to be sent again, would take too much memory";

export class FinalSecond {
  readonly #contexts = new Map<string, SavedContext>();
  readonly #texts = new Map<string, string>();
  #length = 0;

  /** @param kept from the store, by key */
  constructor(kept: Iterable<readonly [key: string, saved: SavedContext]>) {
    for (const [key, saved] of kept) this.#set(key, saved, saveContext(saved));
  }

  get(key: string): SavedContext | undefined {
    return this.#contexts.get(key);
  }

  contexts(): Iterable<SavedContext> {
    return this.#contexts.values();
  }

  /**
   * Keeps the context, replacing the one with the same key, after the step has run.
   * @throws Error if the text would become too long, or whatever the step throws: then nothing has changed
   */
  keep(key: string, saved: SavedContext, step: () => void): void {
    const text = saveContext(saved);
    const more = text.length - (this.#texts.get(key)?.length ?? 0);
    if (more > 0 && this.#length + more > MAX_KEPT_LENGTH) throw new Error(TOO_LARGE_TO_KEEP);
    step();
    this.#set(key, saved, text);
  }

  /** In the format of {@link saveContexts}. */
  toText(): string {
    return `[${[...this.#texts.values()].join(",")}]`;
  }

  #set(key: string, saved: SavedContext, text: string): void {
    this.#length += text.length - (this.#texts.get(key)?.length ?? 0);
    this.#contexts.set(key, saved);
    this.#texts.set(key, text);
  }
}
