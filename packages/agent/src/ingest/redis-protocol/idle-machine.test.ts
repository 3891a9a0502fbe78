import { type CpuInfo, cpus } from "node:os";
import { describe, expect, it } from "vitest";
import { idleShare, untilIdle } from "./idle-machine.js";

/** The times of one processor. */
function at(busy: Partial<CpuInfo["times"]>, idle: number): readonly CpuInfo[] {
  const times = { user: 0, nice: 0, sys: 0, irq: 0, ...busy, idle };
  return [{ model: "", speed: 0, times }];
}

describe("the idle share", () => {
  it.each([
    [at({}, 0), at({ user: 10 }, 90), 0.9],
    [at({ user: 50 }, 50), at({ user: 150 }, 50), 0],
    [at({}, 0), at({ user: 10, nice: 20, sys: 30, irq: 20 }, 20), 0.2],
    [at({ user: 1, nice: 2, sys: 3, irq: 4 }, 5), at({ user: 2, nice: 4, sys: 6, irq: 8 }, 15), 0.5],
    [[...at({}, 0), ...at({}, 0)], [...at({ user: 100 }, 0), ...at({}, 100)], 0.5],
    // No figures, or none that changed.
    [[], [], 1],
    [at({ user: 5 }, 5), at({ user: 5 }, 5), 1],
  ])("is of all processors, between two readings", (before, after, share) => {
    expect(idleShare(before, after)).toBeCloseTo(share);
  });
});

describe("the wait for an idle machine", () => {
  const { signal } = new AbortController();

  /** Readings of a machine with these idle shares, one for each measurement. */
  function readings(...shares: readonly number[]) {
    let [measurement, user, idle] = [0, 0, 0];
    let isBegun = false;
    const read = () => {
      if (isBegun) {
        const share = shares[measurement++] ?? 0;
        user += 100 * (1 - share);
        idle += 100 * share;
      }
      isBegun = !isBegun;
      return at({ user }, idle);
    };
    return { read, measurements: () => measurement };
  }

  it("ends as soon as 30 % of its time are idle", async () => {
    const { read, measurements } = readings(0.29, 0.31, 1);
    const began = performance.now();
    expect(await untilIdle(60_000, signal, read)).toBe(true);
    expect(measurements()).toBe(2);
    // Each looks at 100 ms.
    expect(performance.now() - began).toBeGreaterThan(180);
  });

  it("ends in vain after its timeout, but not before one measurement", async () => {
    const once = readings(0, 1);
    expect(await untilIdle(0, signal, once.read)).toBe(false);
    expect(once.measurements()).toBe(1);
    const twice = readings(0, 0, 0, 1);
    expect(await untilIdle(150, signal, twice.read)).toBe(false);
    expect(twice.measurements()).toBeLessThanOrEqual(2);
  });

  it("ends when it is aborted", async () => {
    await expect(untilIdle(60_000, AbortSignal.abort())).rejects.toThrow();
  });

  it("reads this machine's figures", async () => {
    expect(cpus().length).toBeGreaterThan(0);
    expect(typeof (await untilIdle(0, signal))).toBe("boolean");
  });
});
