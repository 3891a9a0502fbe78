/** A timer whose tags may be known only at its end: a status, an outcome. */
import { NO_TAGS, type Tags } from "@chouette-iot/record";
import { readTags, type TagInput } from "./tag-input.js";

/** Sends one sample of a length in milliseconds. */
export type ObserveTagged = (milliseconds: number, tags: Tags) => void;

export class Timer<Tag extends string = string> implements Disposable {
  readonly #begun = performance.now();
  readonly #observe: ObserveTagged;
  #tags: Tags;
  #ended: number | undefined;

  constructor(tags: TagInput | undefined, observe: ObserveTagged) {
    this.#tags = readTags(NO_TAGS, tags);
    this.#observe = observe;
  }

  /** Adds tags to those it will end with. */
  tag(tags: TagInput<Tag>): this {
    this.#tags = readTags(this.#tags, tags);
    return this;
  }

  /** Ends it; a second end does nothing. Returns its length in seconds. */
  end(tags?: TagInput<Tag>): number {
    if (this.#ended !== undefined) return this.#ended;
    const took = performance.now() - this.#begun;
    this.#ended = took / 1000;
    this.#observe(took, tags === undefined ? this.#tags : readTags(this.#tags, tags));
    return this.#ended;
  }

  [Symbol.dispose](): void {
    this.end();
  }
}
