import type { Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds } from "@chouette-iot/record";
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../../tests/support/manual-clock.js";
import type { Output } from "./outputs/output.js";
import { LONGEST_BATCH, LONGEST_STEP, Pulse } from "./pulse.js";

const HOUR = milliseconds(3_600_000);
const never = new Promise<never>(() => {});

let clock: ManualClock;
let pulse: Pulse;
beforeEach(() => {
  clock = new ManualClock(0);
  pulse = new Pulse("flush", clock);
});

const storeWith = (calls: Partial<Store>): Store =>
  pulse.store(Object.assign(new MemoryStore(), calls satisfies Partial<Store>));

describe("a loop's pulse", () => {
  it("goes on through a sleep of any length, and no longer", async () => {
    void pulse.clock().sleep(HOUR);
    await clock.advance(HOUR - 1);
    expect(pulse.hang()).toBeUndefined();
    await clock.advance(LONGEST_STEP);
    expect(pulse.hang()).toBeUndefined();
    await clock.advance(2);
    expect(pulse.hang()).toBe("flush has made no progress for 60 s");
  });

  it("goes on while calls of the store end one after the other, however many, and though they fail", async () => {
    const store = storeWith({ size: () => Promise.reject(new Error("the store is out")) });
    for (let call = 0; call < 10; call++) {
      await clock.advance(LONGEST_STEP - 1);
      await (call % 2 === 0 ? store.size("q").catch(() => {}) : store.counters());
      expect(pulse.hang()).toBeUndefined();
    }
  });

  it("has stopped where a call of the store never ends, and goes on where it ends after all", async () => {
    let end = (_: number) => {};
    const answer = new Promise<number>((resolve) => {
      end = resolve;
    });
    const waiting = storeWith({ size: () => answer }).size("q");
    await clock.advance(LONGEST_STEP + 1);
    expect(pulse.hang()).toContain("has made no progress");
    end(7);
    expect(await waiting).toBe(7);
    expect(pulse.hang()).toBeUndefined();
  });

  it("gives a batch the time of its requests", async () => {
    const output: Output<unknown> = { send: () => never, check: () => never, close: async () => {} };
    void pulse.output(output).send([]);
    await clock.advance(LONGEST_BATCH - 1);
    expect(pulse.hang()).toBeUndefined();
    await clock.advance(2);
    expect(pulse.hang()).toContain("has made no progress");
  });
});
