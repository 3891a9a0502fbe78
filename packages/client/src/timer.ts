/** A timer whose tags may be known only at its end: a status, an outcome. */
import { NO_TAGS, type Tags } from "@chouette-iot/record";
import { readTags, type TagInput } from "./tag-input.js";

/** Sends one sample of a length in milliseconds. Without tags, they could not be read. */
export type ObserveTagged = (milliseconds: number, tags: Tags | undefined) => void;

export class Timer<Tag extends string = string> implements Disposable {
  readonly #begun = performance.now();
  readonly #observe: ObserveTagged;
  /** Undefined from the first that can't be read. */
  #tags: Tags | undefined = NO_TAGS;
  #ended: number | undefined;

  constructor(tags: TagInput | null | undefined, observe: ObserveTagged) {
    this.#observe = observe;
    this.#add(tags);
  }

  /** Adds tags to those it will end with. */
  tag(tags: TagInput<Tag>): this {
    this.#add(tags);
    return this;
  }

  /** Ends it; a second end does nothing. Returns its length in seconds. */
  end(tags?: TagInput<Tag>): number {
    if (this.#ended !== undefined) return this.#ended;
    const took = performance.now() - this.#begun;
    this.#ended = took / 1000;
    this.#add(tags);
    this.#observe(took, this.#tags);
    return this.#ended;
  }

  #add(tags: TagInput | null | undefined): void {
    try {
      if (this.#tags !== undefined) this.#tags = readTags(this.#tags, tags);
    } catch {
      this.#tags = undefined;
    }
  }

  [Symbol.dispose](): void {
    this.end();
  }
}
