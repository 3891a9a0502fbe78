/** A timer whose tags can be added until its end, such as a status or an outcome. */
import { NO_TAGS, type Tags } from "@chouette-iot/record";
import { readTags, type TagInput } from "./tag-input.js";

/** Records one sample of a duration. Tags are undefined if they could not be read. */
export type ObserveTagged = (milliseconds: number, tags: Tags | undefined) => void;

export class Timer<Tag extends string = string> implements Disposable {
  readonly #begun = performance.now();
  readonly #observe: ObserveTagged;
  /** Undefined once some could not be read. */
  #tags: Tags | undefined = NO_TAGS;
  #ended: number | undefined;

  constructor(tags: TagInput | null | undefined, observe: ObserveTagged) {
    this.#observe = observe;
    this.#add(tags);
  }

  /** Adds tags. */
  tag(tags: TagInput<Tag>): this {
    this.#add(tags);
    return this;
  }

  /** Ends the timer; a second call does nothing. Returns the duration in seconds. */
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
