import { expect, it } from "vitest";
import { reconnectDelay } from "./backoff.js";

const delays = (attempt: number) => Array.from({ length: 300 }, () => reconnectDelay(attempt));

it("spreads a device's clients, and doubles the time that they spread over up to five seconds", () => {
  for (const [attempt, ceiling] of [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000].entries()) {
    const tried = delays(attempt);
    expect(Math.max(...tried)).toBeLessThanOrEqual(ceiling);
    expect(Math.min(...tried)).toBeGreaterThan(0);
    // With full jitter, 300 of them are never all in one half.
    expect(Math.max(...tried)).toBeGreaterThan(ceiling / 2);
    expect(Math.min(...tried)).toBeLessThan(ceiling / 2);
  }
  expect(Math.max(...delays(100_000))).toBeGreaterThan(2_500);
});
