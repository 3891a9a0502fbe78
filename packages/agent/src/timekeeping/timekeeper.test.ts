import { queueNames } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { device, send, sumOf, TRUE_TIME } from "../../../../tests/support/device.js";
import { faultyStore, type StoreFault } from "../../../../tests/support/faulty-store.js";
import { CLOCK_FLOOR } from "../runtime/clock.js";

const queues = queueNames();

describe("the timekeeper", () => {
  it("has records wait while the clock is in 1970, and moves them once it is set", async () => {
    const { state, newTimekeeper, newFlusher, count, ready } = device(0);
    const timekeeper = newTimekeeper();
    state.uptime = 100;
    await count();
    expect(await timekeeper.check()).toMatchObject({ isTrusted: false });
    state.uptime = 205;
    await count();
    state.bootTime = TRUE_TIME;
    state.uptime = 300;
    await count();
    expect(await timekeeper.check()).toEqual({ isTrusted: true, hasShifted: true });
    await newFlusher().flush();
    expect((await ready()).map(([at, value]) => [at - TRUE_TIME, value])).toEqual([
      [100, 1],
      [200, 1],
    ]);
  });

  it.each([
    ["forward", 3_600],
    ["back", -300],
  ])("erases nothing that was sent before the clock was set %s", async (_, by) => {
    const one = device(TRUE_TIME);
    const { state, newTimekeeper, newFlusher, count } = one;
    const timekeeper = newTimekeeper();
    await timekeeper.check();
    const sent = new Map<number, number>();
    const flush = async () => {
      const flusher = newFlusher();
      await timekeeper.check();
      await flusher.flush();
    };
    await count(TRUE_TIME + 5);
    state.uptime = 20;
    await flush();
    await send(one, sent);
    // One more of that window waits, and one of another window, whose place will be that window's.
    await count(TRUE_TIME + 6);
    await count(TRUE_TIME + 305);
    state.uptime = 320;
    await flush();
    state.bootTime += by;
    await flush();
    // Stamped before the clock was set, stored afterwards.
    await count(TRUE_TIME + 7);
    await count(TRUE_TIME + 306 + by);
    state.uptime = 700;
    await flush();
    await send(one, sent);
    expect([...sent.values()].reduce((sum, value) => sum + value, 0)).toBe(5);
  });

  it("moves what was made ready before the jump was known, and tells what comes late for it", async () => {
    const { state, newTimekeeper, newFlusher, count, ready } = device(TRUE_TIME - 86_400);
    const timekeeper = newTimekeeper();
    const flusher = newFlusher();
    await timekeeper.check();
    state.uptime = 5;
    await count();
    state.uptime = 30;
    await flusher.flush();
    state.uptime = 6;
    await count();
    state.uptime = 40;
    state.bootTime = TRUE_TIME;
    expect(timekeeper.isTrusted).toBe(false);
    expect(await timekeeper.check()).toMatchObject({ hasShifted: true });
    expect(timekeeper.isTrusted).toBe(true);
    flusher.forget();
    await flusher.flush();
    expect((await ready()).map(([at, value]) => [at - TRUE_TIME, value])).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });

  it("leaves alone what an earlier boot stamped while the clock was right", async () => {
    const { state, store, newTimekeeper, count, scores } = device(TRUE_TIME - 5000);
    await store.append(queues.rawMetrics, [{ id: "earlier", score: TRUE_TIME - 6000, value: "{}" }]);
    const timekeeper = newTimekeeper();
    await timekeeper.check();
    state.uptime = 10;
    await count();
    state.bootTime = TRUE_TIME;
    await timekeeper.check();
    expect((await scores(queues.rawMetrics)).map((score) => score - TRUE_TIME)).toEqual([-6000, 10]);
  });

  it("notices a jump that came while the agent was down, but takes another boot for none", async () => {
    const { state, newTimekeeper, count, scores } = device(TRUE_TIME - 5000);
    await newTimekeeper().check();
    state.uptime = 10;
    await count();
    state.bootTime = TRUE_TIME;
    expect(await newTimekeeper().check()).toMatchObject({ hasShifted: true });
    state.bootTime = TRUE_TIME + 5000;
    state.bootId = "another-boot";
    expect(await newTimekeeper().check()).toMatchObject({ hasShifted: false });
    expect(await scores(queues.rawMetrics)).toEqual([TRUE_TIME + 10]);
  });

  it("moves every record once, wherever it crashes, also by less than the era's length", async () => {
    for (let crash = 1; crash <= 20; crash++) {
      const store = new MemoryStore();
      const { state, newTimekeeper, count, scores } = device(TRUE_TIME, store);
      await newTimekeeper().check();
      for (state.uptime = 100; state.uptime < 1000; state.uptime += 100) await count();
      state.bootTime = TRUE_TIME + 200;
      let step = 0;
      const settle = store.settle.bind(store);
      store.settle = async (settlement) => {
        step += 1;
        if (step === crash) throw new Error("crash");
        await settle(settlement);
      };
      await newTimekeeper()
        .check()
        .catch(() => {});
      await newTimekeeper().check();
      expect((await scores(queues.rawMetrics)).map((score) => score - TRUE_TIME)).toEqual(
        Array.from({ length: 9 }, (_, index) => 300 + 100 * index),
      );
    }
  });

  it("takes drift for no jump, however much it comes to", async () => {
    const { state, newTimekeeper, count, scores } = device(TRUE_TIME);
    const timekeeper = newTimekeeper();
    state.uptime = 10;
    await count();
    for (let hour = 0; hour < 50; hour++) {
      state.uptime += 3600;
      state.bootTime += 1;
      expect(await timekeeper.check()).toMatchObject({ hasShifted: false });
    }
    expect(await newTimekeeper().check()).toMatchObject({ hasShifted: false });
    expect(await scores(queues.rawMetrics)).toEqual([TRUE_TIME + 10]);
  });

  it("sets aside what an earlier boot stamped in 1970, and after a while what is far in the future", async () => {
    const { state, store, newFlusher, scores } = device(TRUE_TIME);
    await store.append(queues.rawMetrics, [
      { id: "unset", score: 500, value: "{}" },
      { id: "future", score: TRUE_TIME + 90_000, value: "{}" },
    ]);
    const flusher = newFlusher();
    await flusher.flush();
    expect(await scores(queues.rawMetrics)).toEqual([TRUE_TIME + 90_000]);
    state.uptime = 700;
    await flusher.flush();
    expect(await scores(queues.rawMetrics)).toEqual([]);
    const reasons = (await store.read(queues.rejected, { limit: 10 })).map(
      ({ value }) => JSON.parse(value ?? "").reason,
    );
    expect(reasons).toEqual(["stamped by a clock that was not set", "stamped more than 600 s in the future"]);
  });
});

describe("what is stored agrees with the clock before anything is done by it", () => {
  it("not while the clock isn't set, and it is said once", async () => {
    const said: string[] = [];
    const { state, newTimekeeper } = device(0, new MemoryStore(), said);
    const timekeeper = newTimekeeper();
    expect(timekeeper.isTrusted).toBe(false);
    for (state.uptime = 1; state.uptime < 100; state.uptime += 30) await timekeeper.check();
    expect(timekeeper.isTrusted).toBe(false);
    expect(said).toEqual(["the clock isn't set: records wait until it is"]);
    state.bootTime = TRUE_TIME;
    expect(await timekeeper.check()).toEqual({ isTrusted: true, hasShifted: true });
    expect(timekeeper.isTrusted).toBe(true);
    state.bootTime = 0;
    expect(await timekeeper.check()).toEqual({ isTrusted: false, hasShifted: true });
    expect(said.filter((text) => text.includes("isn't set"))).toHaveLength(2);
  });

  it("not at the very floor less a moment, but from it on", async () => {
    const { state, newTimekeeper } = device(CLOCK_FLOOR - 100);
    const timekeeper = newTimekeeper();
    state.uptime = 99.9;
    expect(await timekeeper.check()).toMatchObject({ isTrusted: false });
    state.uptime = 100;
    expect(await timekeeper.check()).toMatchObject({ isTrusted: true });
  });

  it("not from a jump on, until it is dealt with: time runs evenly till then", async () => {
    const { state, newTimekeeper } = device(TRUE_TIME);
    const timekeeper = newTimekeeper();
    await timekeeper.check();
    state.uptime = 50;
    state.bootTime = TRUE_TIME + 29.9;
    expect(timekeeper.isTrusted).toBe(true);
    state.bootTime = TRUE_TIME - 30;
    expect(timekeeper.isTrusted).toBe(false);
    state.bootTime = TRUE_TIME + 5_000;
    expect(timekeeper.isTrusted).toBe(false);
    expect(timekeeper.now()).toBe((TRUE_TIME + 50) * 1000);
    await timekeeper.check();
    expect(timekeeper.isTrusted).toBe(true);
    expect(timekeeper.now()).toBe((TRUE_TIME + 5_050) * 1000);
  });

  it("not while a queue whose records are to be moved is in use", async () => {
    const { state, store, locks, newTimekeeper, count, scores } = device(TRUE_TIME);
    const timekeeper = newTimekeeper();
    await timekeeper.check();
    state.uptime = 100;
    await count();
    const log = { score: TRUE_TIME + 100, id: "a-log", value: "{}" };
    await store.append(queues.logs, [log]);
    state.bootTime = TRUE_TIME + 1_000;
    await locks.using([queues.logs], async () => {
      for (let check = 0; check < 3; check++) {
        expect(await timekeeper.check()).toEqual({ isTrusted: false, hasShifted: false });
        expect(timekeeper.isTrusted).toBe(false);
        expect(await scores(queues.logs)).toEqual([log.score]);
      }
    });
    expect(await timekeeper.check()).toEqual({ isTrusted: true, hasShifted: true });
    expect(await scores(queues.logs)).toEqual([log.score + 1_000]);
    expect(await scores(queues.rawMetrics)).toEqual([TRUE_TIME + 1_100]);
    expect(await timekeeper.check()).toEqual({ isTrusted: true, hasShifted: false });
  });

  it("not after a check that failed, until one goes through", async () => {
    let fault: StoreFault | undefined;
    const { newTimekeeper } = device(
      TRUE_TIME,
      faultyStore(new MemoryStore(), () => fault),
    );
    const timekeeper = newTimekeeper();
    fault = "answer lost";
    await expect(timekeeper.check()).rejects.toThrow("answer was lost");
    expect(timekeeper.isTrusted).toBe(false);
    fault = undefined;
    expect(await timekeeper.check()).toEqual({ isTrusted: true, hasShifted: false });
    expect(timekeeper.isTrusted).toBe(true);
  });
});

type Step =
  | { readonly does: "count"; readonly ago: number }
  | { readonly does: "wait" | "set the clock"; readonly seconds: number }
  | { readonly does: "work"; readonly faultAt: number; readonly fault: StoreFault }
  | { readonly does: "use a queue"; readonly queue: string }
  | { readonly does: "restart" };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant("count"), ago: fc.nat(40) }) },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant("wait"), seconds: fc.integer({ min: 1, max: 60 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant("set the clock"),
      seconds: fc.integer({ min: -900, max: 900 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant("work"),
      faultAt: fc.integer({ min: 1, max: 20 }),
      fault: fc.constantFrom<StoreFault>("refused", "answer lost"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant("use a queue"),
      queue: fc.constantFrom(queues.readyMetrics, queues.logs),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("restart") }) },
) as fc.Arbitrary<Step>;

it("no count is lost or doubled, however the clock is set, answers are lost and the agent is restarted", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
      let fault: StoreFault | undefined;
      let faultIn = 0;
      const memory = new MemoryStore();
      const store = faultyStore(memory, () => (fault !== undefined && --faultIn === 0 ? fault : undefined));
      const here = device(TRUE_TIME, store);
      const { state, locks, count } = here;
      let [timekeeper, flusher] = [here.newTimekeeper(), here.newFlusher()];
      let counted = 0;
      let free = () => {};
      // As the flush's loop does.
      const work = async () => {
        try {
          const { isTrusted, hasShifted } = await timekeeper.check();
          if (hasShifted) flusher.forget();
          if (isTrusted) await flusher.flush();
        } catch {
          flusher.forget();
        }
      };
      for (const step of steps) {
        if (step.does === "wait") state.uptime += step.seconds;
        if (step.does === "set the clock") state.bootTime += step.seconds;
        if (step.does === "count") {
          // Nothing was stamped before the boot.
          await count(Math.max(state.bootTime, here.now() - step.ago));
          counted += 1;
        }
        if (step.does === "work") {
          [fault, faultIn] = [step.fault, step.faultAt];
          await work();
          fault = undefined;
        }
        if (step.does === "use a queue") {
          free();
          void locks.using([step.queue], () => new Promise<void>((resolve) => (free = resolve)));
        }
        if (step.does === "restart") [timekeeper, flusher] = [here.newTimekeeper(), here.newFlusher()];
      }
      free();
      await new Promise(setImmediate);
      state.uptime += 60;
      await work();
      expect(timekeeper.isTrusted).toBe(true);
      expect(await sumOf(here)).toBe(counted);
      expect(await store.size(queues.rejected)).toBe(0);
    }),
    { numRuns: 300 },
  );
});
