/** Outages: said once when they begin and once, with their length, when they end. */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { Clock } from "./clock.js";
import type { Log } from "./log.js";

export class Outage {
  readonly #of: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #since: Milliseconds | undefined;

  /** @param of what is out, to begin a sentence */
  constructor(of: string, clock: Clock, log: Log) {
    this.#of = of;
    this.#clock = clock;
    this.#log = log;
  }

  get isOn(): boolean {
    return this.#since !== undefined;
  }

  begin(reason: string): void {
    if (this.#since !== undefined) return;
    this.#since = this.#clock.monotonic();
    this.#log.warn({ reason }, `${this.#of} is out`);
  }

  end(): void {
    if (this.#since === undefined) return;
    const length = milliseconds(this.#clock.monotonic() - this.#since);
    this.#since = undefined;
    this.#log.info({ seconds: Math.round(length / 1000) }, `${this.#of} is back`);
  }
}
