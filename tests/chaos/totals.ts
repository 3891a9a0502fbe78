/**
 * What should have arrived in a run that sets the clock. A record's window isn't known, since its time may have been
 * corrected, but its count is. So everything that adds up is compared over all windows together.
 */
import type { KeptPoint } from "../../packages/agent/src/intake/kept-points.js";
import type { Comparison } from "./expectation.js";
import type { Call } from "./journals.js";

export class Totals {
  readonly #window: number;
  readonly #expected = new Map<string, number>();

  /** @param window its length in seconds */
  constructor(window: number) {
    this.#window = window;
  }

  add({ type, metric, zone, value }: Call): void {
    if (type === "count") this.#expect(`${metric} ${zone}`, Number(value));
    // A histogram's count is a rate.
    if (type === "histogram") this.#expect(`${metric}.count ${zone}`, 1 / this.#window);
  }

  /**
   * @param arrived the points that the intake keeps, and those that it refused, of which it would have kept the last of a
   * second: a window's last second is sent again with a larger sum
   */
  compare(arrived: readonly Pick<KeptPoint, "metric" | "tags" | "at" | "value">[]): Comparison {
    const seconds = new Map<string, { key: string; value: number }>();
    for (const { metric, tags, at, value } of arrived) {
      const key = `${metric} ${tags[0]?.slice("zone:".length) ?? ""}`;
      seconds.set(`${key} ${at}`, { key, value });
    }
    const found = new Map<string, number>();
    for (const { key, value } of seconds.values()) found.set(key, (found.get(key) ?? 0) + value);
    const differences = [...this.#expected]
      .filter(([key, sum]) => Math.abs((found.get(key) ?? 0) - sum) > 1e-6)
      .map(([key, sum]) => `${key} should add up to ${sum}, not ${found.get(key) ?? 0}`);
    return { differences, whole: this.#expected.size, inParts: 0 };
  }

  #expect(key: string, by: number): void {
    this.#expected.set(key, (this.#expected.get(key) ?? 0) + by);
  }
}
