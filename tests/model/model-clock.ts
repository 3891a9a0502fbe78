/** A manual clock for calls that leave the process: time continues when every call in progress is answered. */
import { setImmediate } from "node:timers/promises";
import { ManualClock } from "../support/manual-clock.js";

export class ModelClock extends ManualClock {
  #underWay = 0;

  /** Time stands still until the call is answered. */
  async holding<T>(call: Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await call;
    } finally {
      this.#underWay -= 1;
    }
  }

  protected override async quiet(): Promise<void> {
    do await setImmediate();
    while (this.#underWay > 0);
  }
}
