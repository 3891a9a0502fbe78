/**
 * Decides whether series v3 is used: not while its path seems not to exist.
 *
 * Such an answer may be about the path or a record in the batch, or come from a middlebox that answers the same to everything.
 * The same batch is sent as v2 to find out. If that is accepted, the path was the cause, and v2 is used for a day. Otherwise v2
 * is used until something is delivered, and then v3 is tried again. So there is at most one wasted request per delivery.
 */
import type { Outcome } from "./output.js";

const DAY_MS = 86_400_000;
/** Statuses that aren't about the path: the key, too slow, too large, too many requests. */
const NOT_ABOUT_PATH: ReadonlySet<number> = new Set([401, 403, 408, 413, 429]);

export class SeriesV3Use {
  /** On the monotonic clock, in milliseconds; Infinity: until something is delivered. */
  #notBefore = 0;

  get isOn(): boolean {
    return performance.now() >= this.#notBefore;
  }

  /** A batch wasn't accepted as v3. @param byV2 the outcome of the same batch as v2 */
  notTaken(byV2: Outcome): void {
    this.#notBefore = byV2.kind === "delivered" ? performance.now() + DAY_MS : Number.POSITIVE_INFINITY;
  }

  /** Something was delivered as v2. */
  delivered(): void {
    if (this.#notBefore === Number.POSITIVE_INFINITY) this.#notBefore = 0;
  }
}

/** Whether the answer may mean that the path of series v3 doesn't exist. */
export function mayBeAboutPath({ kind, status }: Outcome): boolean {
  return kind !== "delivered" && status !== undefined && status < 500 && !NOT_ABOUT_PATH.has(status);
}
