/**
 * Whether series v3 is used: not while its address answers as if it weren't there.
 *
 * Such an answer may be about the path, about a record in the batch, or a middlebox's to everything. The same batch, sent by
 * v2, shows which: if that is accepted, it was the path, and v2 is used for a day. Otherwise v2 is used until it is accepted,
 * and then v3 is tried again, so that no more requests are spent on it than deliveries come between.
 */
import type { Outcome } from "./output.js";

const DAY_MS = 86_400_000;
/** Answers that say nothing of the path: the key, too slow, too large, too many. */
const NOT_ABOUT_PATH: ReadonlySet<number> = new Set([401, 403, 408, 413, 429]);

export class SeriesV3Use {
  readonly #now: () => number;
  /** In the milliseconds of `now`; Infinity until something is delivered. */
  #notBefore = 0;

  /** @param now in milliseconds, never set back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get isOn(): boolean {
    return this.#now() >= this.#notBefore;
  }

  /** v3 didn't take a batch. @param byV2 what became of the same batch after that */
  notTaken(byV2: Outcome): void {
    this.#notBefore = byV2.kind === "delivered" ? this.#now() + DAY_MS : Number.POSITIVE_INFINITY;
  }

  /** Something was delivered by v2 alone. */
  delivered(): void {
    if (this.#notBefore === Number.POSITIVE_INFINITY) this.#notBefore = 0;
  }
}

/** Whether an answer may mean that there is no series v3 at its address. */
export function mayBeAboutPath({ kind, status }: Outcome): boolean {
  return kind !== "delivered" && status !== undefined && status < 500 && !NOT_ABOUT_PATH.has(status);
}
