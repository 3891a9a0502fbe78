import type { Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds } from "@chouette-iot/record";
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import { LoopWatchdog, MAX_STEP } from "./watchdog.js";

const HOUR = milliseconds(3_600_000);

let clock: ManualClock;
let watchdog: LoopWatchdog;
beforeEach(() => {
  clock = new ManualClock(0);
  watchdog = new LoopWatchdog("flush", clock);
});

const storeWith = (calls: Partial<Store>): Store =>
  watchdog.store(Object.assign(new MemoryStore(), calls satisfies Partial<Store>));

describe("a loop's watchdog", () => {
  it("counts a sleep of any length as alive, until it should have ended", async () => {
    void watchdog.clock().sleep(HOUR);
    await clock.advance(HOUR - 1);
    expect(watchdog.stallReason()).toBeUndefined();
    await clock.advance(MAX_STEP);
    expect(watchdog.stallReason()).toBeUndefined();
    await clock.advance(2);
    expect(watchdog.stallReason()).toBe("flush has made no progress for 60 s");
  });

  it("counts a loop as alive whose calls of the store end, even if they fail", async () => {
    const store = storeWith({ size: () => Promise.reject(new Error("the store is out")) });
    for (let call = 0; call < 10; call++) {
      await clock.advance(MAX_STEP - 1);
      await (call % 2 === 0 ? store.size("q").catch(() => {}) : store.counters());
      expect(watchdog.stallReason()).toBeUndefined();
    }
  });

  it("counts a loop as hung while a call of the store doesn't end, and as alive again once it does", async () => {
    let end = (_: number) => {};
    const answer = new Promise<number>((resolve) => {
      end = resolve;
    });
    const waiting = storeWith({ size: () => answer }).size("q");
    await clock.advance(MAX_STEP + 1);
    expect(watchdog.stallReason()).toContain("has made no progress");
    end(7);
    expect(await waiting).toBe(7);
    expect(watchdog.stallReason()).toBeUndefined();
  });
});
