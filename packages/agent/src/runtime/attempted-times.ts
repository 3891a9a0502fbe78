/**
 * The times of records that an output may have accepted although they are still in their queue, because an answer or a
 * settlement was lost.
 *
 * Sending such a record again changes nothing at Datadog; joined with others, it would count twice. Kept only in memory: a
 * broker may return with older data, so everything that is in the queue when its state is read counts as attempted.
 */

/** Inclusive, in seconds since the epoch. */
interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** Beyond this number the two oldest ranges are merged, including the times between them. */
const MAX_RANGES = 1_000;

export class AttemptedTimes {
  /** In order and disjoint. */
  #ranges: readonly TimeRange[] = [];

  /** Inclusive, in seconds since the epoch. */
  add(from: number, to: number): void {
    const meets = (range: TimeRange) => range.from <= to && range.to >= from;
    const met = this.#ranges.filter(meets);
    const whole = {
      from: Math.min(from, ...met.map((range) => range.from)),
      to: Math.max(to, ...met.map((range) => range.to)),
    };
    const apart = this.#ranges.filter((range) => !meets(range));
    const [oldest, second, ...others] = [...apart, whole].sort((a, b) => a.from - b.from);
    if (oldest === undefined || second === undefined) this.#ranges = [whole];
    else if (others.length + 2 > MAX_RANGES) this.#ranges = [{ from: oldest.from, to: second.to }, ...others];
    else this.#ranges = [oldest, second, ...others];
  }

  includes(time: number): boolean {
    return this.#ranges.some(({ from, to }) => from <= time && time <= to);
  }
}
