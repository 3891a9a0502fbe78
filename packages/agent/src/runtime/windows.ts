/** Windows: aligned to the clock, each as long as the interval, closed AGGREGATE_GRACE after its end. */
import { type Seconds, seconds } from "@chouette-iot/record";

export class Windows {
  /** The length of a window, in whole seconds. */
  readonly interval: Seconds;
  /** How long a window waits for late records after its end. */
  readonly grace: Seconds;

  constructor(interval: Seconds, grace: Seconds) {
    this.interval = interval;
    this.grace = grace;
  }

  /** The longest time between a record of a window and the window's close. */
  get maxAge(): Seconds {
    return seconds(this.interval + this.grace);
  }

  /** The start of the window that contains this time. */
  startOf(time: Seconds): Seconds {
    return seconds(Math.floor(time / this.interval) * this.interval);
  }

  /** The start of the first window that isn't closed; every earlier one is. */
  firstOpen(now: Seconds): Seconds {
    return this.startOf(seconds(now - this.grace));
  }

  /** When the first open window closes. */
  nextClose(now: Seconds): Seconds {
    return seconds(this.firstOpen(now) + this.maxAge);
  }
}
