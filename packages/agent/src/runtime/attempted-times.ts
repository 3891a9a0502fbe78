/**
 * The times of records that an output may have taken although they are still in their queue: an answer was lost, or what
 * settled them.
 *
 * Sent again as they are, they change nothing at Datadog. Added up, they would count twice. Held in memory alone, since a
 * broker may come back with older data: whatever is there when its state is read counts as attempted.
 */

/** Inclusive, in seconds since the epoch. */
interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** More ranges than that: the two oldest become one, with what is between them. */
const MAX_RANGES = 1_000;

export class AttemptedTimes {
  /** In order, none of which meets another. */
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
