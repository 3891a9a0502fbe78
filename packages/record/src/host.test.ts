/** What clients and the agent use of the machine. */
import { AsyncLocalStorage } from "node:async_hooks";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  backoff,
  bootId,
  deferred,
  holdProcess,
  inLoadContext,
  inNextTurn,
  monotonicNow,
  processExists,
  startInterval,
  startTimer,
  stopInterval,
  stopTimer,
} from "./host.js";
import { milliseconds } from "./time.js";

describe("a wait after failures", () => {
  const limits = { first: milliseconds(50), max: milliseconds(5_000) };

  it("doubles up to the maximum, and is a random part of that", () => {
    expect([1, 2, 3, 7, 8, 9, 1_000].map((failures) => backoff(failures, limits, 1))).toEqual([
      50, 100, 200, 3_200, 5_000, 5_000, 5_000,
    ]);
    expect([backoff(3, limits, 0.5), backoff(3, limits, 0.001), backoff(3, limits, 0)]).toEqual([100, 1, 0]);
    const random = Array.from({ length: 50 }, () => backoff(8, limits));
    expect(random.every((wait) => wait >= 0 && wait <= 5_000)).toBe(true);
    expect(new Set(random).size).toBeGreaterThan(10);
  });

  it("stays finite after failures without end", () => {
    const max = milliseconds(Number.MAX_VALUE);
    expect(backoff(2_000, { first: milliseconds(1), max }, 1)).toBe(2 ** 30);
  });
});

describe("timers", () => {
  const store = new AsyncLocalStorage<string>();
  const holding = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  afterEach(() => vi.useRealTimers());

  it("run in the context of the load, and not in that of whoever starts them", async () => {
    const seen: unknown[] = [];
    await store.run("of a request", async () => {
      const see = () => seen.push(store.getStore());
      await new Promise<void>((resolve) => {
        startTimer(see, 1);
        inNextTurn(see);
        inLoadContext(see);
        holdProcess(1, see);
        const interval = startInterval(() => {
          see();
          stopInterval(interval);
        }, 1);
        holdProcess(20, resolve);
      });
    });
    expect(seen).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });

  it("keep the process alive only if they are to", () => {
    const before = holding();
    const timers = [startTimer(() => {}, 60_000), startInterval(() => {}, 60_000)];
    expect(holding()).toBe(before);
    const held = holdProcess(60_000, () => {});
    expect(holding()).toBe(before + 1);
    for (const timer of [...timers, held]) stopTimer(timer);
    expect(holding()).toBe(before);
    stopTimer(undefined);
  });

  it("of more than 24 days don't run now, as Node's do", async () => {
    const run = vi.fn();
    const timers = [
      startTimer(run, 2 ** 31),
      startInterval(run, 2 ** 40),
      holdProcess(Number.POSITIVE_INFINITY, run),
    ];
    await new Promise<void>((resolve) => holdProcess(15, resolve));
    for (const timer of timers) stopTimer(timer);
    expect(run).not.toHaveBeenCalled();
  });

  it("and the clock are the machine's under a test runner's timers", async () => {
    vi.useFakeTimers();
    const begun = monotonicNow();
    await new Promise<void>((resolve) => startTimer(resolve, 5));
    expect(monotonicNow() - begun).toBeGreaterThan(4);
  });

  it("end an interval for good", async () => {
    let runs = 0;
    await new Promise<void>((resolve) => {
      const interval = startInterval(() => {
        runs++;
        if (runs < 2) return;
        stopInterval(interval);
        // Time enough for further runs.
        holdProcess(10, resolve);
      }, 2);
    });
    expect(runs).toBe(2);
  });
});

it("a deferred promise resolves with the first value that it is given, or a promise of it", async () => {
  const [plain, later] = [deferred(), deferred()];
  plain.resolve(true);
  plain.resolve(false);
  later.resolve(Promise.resolve(false));
  expect([await plain.promise, await later.promise]).toEqual([true, false]);
});

it("a process exists until it has ended, whoever owns it", () => {
  expect([processExists(process.pid), processExists(1)]).toEqual([true, true]);
  const { pid } = spawnSync(process.execPath, ["--version"]);
  expect([processExists(pid), processExists(2 ** 22 + 1)]).toEqual([false, false]);
});

it.runIf(process.platform === "linux")("the id of the boot is the kernel's", () => {
  expect(`${bootId()}\n`).toBe(readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
});
