import { queueNames, StaleSettlementError, type Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { decodeReadyMetric, milliseconds, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { faultyStore, type StoreFault } from "../../../../tests/support/faulty-store.js";
import { KEEPS_ALL } from "../aggregation/series-filter.js";
import { Flusher } from "../flush/flusher.js";
import { CLOCK_FLOOR } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { Windows } from "../runtime/windows.js";
import { datadogWrapper } from "../wrappers/datadog-wrapper.js";
import { currentBoot } from "./boot.js";
import { CLOCK_STATE } from "./clock-shift.js";
import { QueueLocks } from "./queue-locks.js";
import { Timekeeper } from "./timekeeper.js";

const queues = queueNames();
const TRUE_TIME = Date.UTC(2026, 5, 1) / 1000;
const WINDOWS = new Windows(seconds(10), seconds(2));

/** A device whose clock is off, and whose time since boot runs on evenly. */
function device(bootTime: number, store: Store = new MemoryStore(), said: string[] = []) {
  const state = { bootTime, uptime: 0, bootId: "a-boot" };
  const now = () => state.bootTime + state.uptime;
  const clock = {
    now: () => milliseconds(now() * 1000),
    monotonic: () => milliseconds(state.uptime * 1000),
    sleep: async () => {},
  };
  const locks = new QueueLocks();
  const newTimekeeper = () =>
    new Timekeeper({
      store,
      queues,
      locks,
      clock,
      boot: { id: state.bootId, uptime: () => seconds(state.uptime) },
      log,
      windows: WINDOWS,
    });
  const newFlusher = () =>
    new Flusher({
      store,
      queues,
      wrap: datadogWrapper({ histogramAggregates: [], histogramPercentiles: [] }),
      clock,
      windows: WINDOWS,
      ttl: seconds(14_400),
      globalTags: [],
      filter: KEEPS_ALL,
      earliestPlausible: CLOCK_FLOOR,
    });
  const say = (first: unknown, text?: string) => {
    said.push(text ?? String(first));
  };
  const log: Log = { debug: say, info: say, warn: say, error: say };
  let ids = 0;
  return {
    state,
    store,
    now,
    locks,
    newTimekeeper,
    newFlusher,
    /** A client of the device counts one, by the device's clock. */
    count: async (timestamp = now()) => {
      const value = JSON.stringify({ metric: "m", type: "count", value: 1, timestamp, tags: {} });
      await store.append(queues.rawMetrics, [{ id: `id${++ids}`, score: timestamp, value }]);
    },
    scores: async (queue: string) => (await store.read(queue, { limit: 1000 })).map(({ score }) => score),
    ready: async () => {
      const records = await store.read(queues.readyMetrics, { limit: 1000 });
      return records.flatMap(({ value }) => {
        const decoded = decodeReadyMetric(value ?? "");
        return decoded.ok ? decoded.value.points : [];
      });
    },
  };
}

type Device = ReturnType<typeof device>;

/** Takes what is ready to where the last value of a second is kept. */
async function send({ store, ready }: Device, kept: Map<number, number>): Promise<void> {
  for (const [at, value] of await ready()) kept.set(at, value);
  const records = await store.read(queues.readyMetrics, { limit: 1000 });
  await store.settle({ remove: [{ queue: queues.readyMetrics, records }] });
}

/** What Datadog would keep of all that is ready, and what is still to be flushed. */
async function sumOf({ store, ready }: Device): Promise<number> {
  const kept = new Map(await ready());
  const sum = [...kept.values()].reduce((all, value) => all + value, 0);
  return sum + (await store.size(queues.rawMetrics));
}

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

describe("a jump is made up for once", () => {
  it("though the answers to its plan, its moves and its end are lost", async () => {
    for (let lost = 1; lost <= 8; lost++) {
      let settlements = 0;
      const memory = new MemoryStore();
      const store = faultyStore(memory, (method) =>
        method === "settle" && ++settlements === lost ? "answer lost" : undefined,
      );
      const here = device(TRUE_TIME, store);
      const { state, newTimekeeper, newFlusher, count, scores } = here;
      const timekeeper = newTimekeeper();
      const flusher = newFlusher();
      await timekeeper.check().catch(() => timekeeper.check());
      state.uptime = 5;
      await count();
      state.uptime = 30;
      await flusher.flush().catch(() => flusher.flush());
      await count(TRUE_TIME + 6);
      state.uptime = 40;
      state.bootTime = TRUE_TIME + 500;
      await timekeeper.check().catch(() => timekeeper.check());
      expect(timekeeper.isTrusted).toBe(true);
      expect(await scores(queues.rawMetrics)).toEqual([TRUE_TIME + 506]);
      flusher.forget();
      await flusher.flush().catch(() => flusher.flush());
      const [first, second] = await here.ready();
      expect([first, second]).toEqual([
        [TRUE_TIME + 500, 1],
        [TRUE_TIME + 501, 1],
      ]);
    }
  });

  it("and a second jump in the middle of it is made up for after it, in all queues", async () => {
    for (let crash = 1; crash <= 6; crash++) {
      let settlements = 0;
      const memory = new MemoryStore();
      const store = faultyStore(memory, (method) =>
        method === "settle" && ++settlements > crash ? "refused" : undefined,
      );
      const { state, newTimekeeper, count, scores } = device(TRUE_TIME, store);
      const timekeeper = newTimekeeper();
      await timekeeper.check();
      state.uptime = 100;
      await count();
      for (const queue of [queues.readyMetrics, queues.logs])
        await memory.append(queue, [{ id: "x", score: TRUE_TIME + 100, value: "{}" }]);
      state.bootTime = TRUE_TIME + 1_000;
      await timekeeper.check().catch(() => {});
      state.bootTime = TRUE_TIME + 1_500;
      settlements = -100;
      await timekeeper.check();
      for (const queue of [queues.rawMetrics, queues.readyMetrics, queues.logs])
        expect(await scores(queue)).toEqual([TRUE_TIME + 1_600]);
    }
  });

  it("by another process too, if the agent was restarted on a system that doesn't identify its boot", () => {
    const [one, other] = [currentBoot(), currentBoot()];
    expect(one.id).toBe(other.id);
    expect(one.id).not.toBe("");
    expect(Math.abs(one.uptime() - other.uptime())).toBeLessThan(1);
  });

  it("again, if the store comes back with the data of a moment when it wasn't done", async () => {
    const memory = new MemoryStore();
    let epoch = 0;
    const store = new Proxy(memory, {
      get: (target, name) => {
        if (name === "epoch") return epoch;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
    const { state, newTimekeeper, count, scores } = device(TRUE_TIME, store);
    const timekeeper = newTimekeeper();
    await timekeeper.check();
    state.uptime = 100;
    const before = await memory.state([CLOCK_STATE]);
    await count();
    state.bootTime = TRUE_TIME + 1_000;
    await timekeeper.check();
    // As a Redis has it that was restored.
    await memory.settle({ state: new Map([[CLOCK_STATE, before[0]]]) });
    await memory.append(queues.rawMetrics, [{ id: "restored", score: TRUE_TIME + 100, value: "{}" }]);
    epoch = 1;
    expect(await timekeeper.check()).toEqual({ isTrusted: true, hasShifted: true });
    expect(await scores(queues.rawMetrics)).toEqual([TRUE_TIME + 1_100, TRUE_TIME + 1_100]);
  });

  it("not on top of what somebody else has made of it meanwhile", async () => {
    const { state, store, newTimekeeper, count, scores } = device(TRUE_TIME);
    const [one, other] = [newTimekeeper(), newTimekeeper()];
    await one.check();
    await other.check();
    state.uptime = 100;
    await count();
    state.bootTime = TRUE_TIME + 1_000;
    await other.check();
    await expect(one.check()).rejects.toThrow(StaleSettlementError);
    expect(await one.check()).toEqual({ isTrusted: true, hasShifted: false });
    expect(await scores(queues.rawMetrics)).toEqual([TRUE_TIME + 1_100]);
    expect(await store.size(queues.rawMetrics)).toBe(1);
  });

  it("of 30 s, and no less; by whole windows", async () => {
    const { state, newTimekeeper, count, scores } = device(TRUE_TIME);
    const timekeeper = newTimekeeper();
    await timekeeper.check();
    state.uptime = 100;
    await count();
    state.bootTime = TRUE_TIME + 29;
    expect(await timekeeper.check()).toMatchObject({ hasShifted: false });
    state.bootTime += 34;
    expect(await timekeeper.check()).toMatchObject({ hasShifted: true });
    expect(await scores(queues.rawMetrics)).toEqual([TRUE_TIME + 130]);
  });

  it("from the window of the boot to the second of the jump, and not beyond", async () => {
    const { state, newTimekeeper, count, scores } = device(TRUE_TIME + 3);
    const timekeeper = newTimekeeper();
    await timekeeper.check();
    state.uptime = 100;
    for (const offset of [-0.5, 0, 103, 103.5, 104, 200]) await count(TRUE_TIME + offset);
    state.bootTime += 1_000;
    await timekeeper.check();
    expect((await scores(queues.rawMetrics)).map((score) => score - TRUE_TIME)).toEqual([
      -0.5, 104, 200, 1_000, 1_103, 1_103.5,
    ]);
  });

  it("of a boot that began in 1970, also if the agent is restarted before the clock is set", async () => {
    const { state, newTimekeeper, count, scores } = device(0);
    state.uptime = 50;
    await count();
    await newTimekeeper().check();
    state.bootTime = TRUE_TIME;
    await newTimekeeper().check();
    expect(await scores(queues.rawMetrics)).toEqual([TRUE_TIME + 50]);
  });

  it("with more records than a page holds, some of which have no value or were no records", async () => {
    const { state, store, newTimekeeper, scores } = device(TRUE_TIME);
    const timekeeper = newTimekeeper();
    await timekeeper.check();
    state.uptime = 100;
    const records = Array.from({ length: 4_500 }, (_, index) => ({
      id: `id${index}`,
      // Some are of one time.
      score: TRUE_TIME + Math.floor(index / 100),
      value: "no record",
    }));
    await store.append(queues.rawMetrics, records);
    // Lands among what is still to be moved.
    state.bootTime = TRUE_TIME + 30;
    await timekeeper.check();
    expect(await store.size(queues.rawMetrics)).toBe(4_500);
    expect(Math.min(...(await scores(queues.rawMetrics)))).toBe(TRUE_TIME + 30);
    const [last] = await store.read(queues.rawMetrics, {
      after: { score: TRUE_TIME + 74, id: "" },
      limit: 1,
    });
    expect(last).toMatchObject({ score: TRUE_TIME + 74, value: "no record" });
  });
});

describe("a shift that fails again and again", () => {
  it("goes on after the last page that it moved, in the same agent and in another one", async () => {
    let reads = 0;
    const memory = new MemoryStore();
    const store = faultyStore(memory, (method) =>
      method === "read" && reads-- <= 0 ? "refused" : undefined,
    );
    const here = device(TRUE_TIME, store);
    const { state, newTimekeeper } = here;
    reads = Number.POSITIVE_INFINITY;
    let timekeeper = newTimekeeper();
    await timekeeper.check();
    state.uptime = 100;
    const records = Array.from({ length: 24_000 }, (_, index) => ({
      id: `id${index}`,
      score: TRUE_TIME + 50 + Math.floor(index / 600),
      value: "no record",
    }));
    await memory.append(queues.rawMetrics, records);
    // What was moved is in front of what is still to be moved, so that a shift that began again would read it each time.
    state.bootTime -= 40;
    let checks = 0;
    for (let isDone = false; !isDone && checks < 6; checks++) {
      reads = 9;
      if (checks % 2 === 0) timekeeper = newTimekeeper();
      isDone = await timekeeper.check().then(
        () => true,
        () => false,
      );
    }
    expect(checks).toBeLessThan(6);
    reads = Number.POSITIVE_INFINITY;
    const scores = await here.scores(queues.rawMetrics);
    expect(scores).toHaveLength(1_000);
    expect(await memory.size(queues.rawMetrics)).toBe(24_000);
    expect(
      await memory.read(queues.rawMetrics, { after: { score: TRUE_TIME + 50, id: "" }, limit: 1 }),
    ).toEqual([]);
  });
});

describe("after a power cut in the middle of a shift", () => {
  /** One boot in 1970 whose shift ends after so many settlements, and the next one. */
  async function cutOff(settlements: number, nextBootTime: number) {
    let left = Number.POSITIVE_INFINITY;
    const memory = new MemoryStore();
    const store = faultyStore(memory, (method) =>
      method === "settle" && left-- <= 0 ? "refused" : undefined,
    );
    const here = device(0, store);
    const { state, newTimekeeper, count } = here;
    const timekeeper = newTimekeeper();
    await timekeeper.check();
    state.uptime = 50;
    await count();
    state.uptime = 500;
    await count();
    state.bootTime = TRUE_TIME;
    left = settlements;
    await timekeeper.check().catch(() => {});
    left = Number.POSITIVE_INFINITY;
    Object.assign(state, { bootId: "the-next-boot", bootTime: nextBootTime, uptime: 60 });
    return here;
  }

  it("the next boot's records, in 1970 again, are moved by its own jump alone", async () => {
    for (let settlements = 1; settlements <= 4; settlements++) {
      const { state, newTimekeeper, count, scores } = await cutOff(settlements, 0);
      await count();
      const timekeeper = newTimekeeper();
      await timekeeper.check();
      state.uptime = 70;
      await count();
      state.bootTime = TRUE_TIME + 100_000;
      await timekeeper.check();
      const own = (await scores(queues.rawMetrics)).filter((score) => score >= TRUE_TIME + 100_000);
      expect(own.map((score) => score - TRUE_TIME - 100_000)).toEqual(expect.arrayContaining([60, 70]));
      // Nobody can tell the record of second 50 from one of the next boot; the one of second 500 is the former's.
      expect(own.filter((score) => score !== TRUE_TIME + 100_050)).toHaveLength(2);
      expect(await scores(queues.rawMetrics)).toContain(TRUE_TIME + 500);
    }
  });

  it("all of it is moved if the next boot has the right time", async () => {
    for (let settlements = 1; settlements <= 2; settlements++) {
      const { newTimekeeper, count, scores } = await cutOff(settlements, TRUE_TIME + 100_000);
      await count();
      expect(await newTimekeeper().check()).toEqual({ isTrusted: true, hasShifted: true });
      expect((await scores(queues.rawMetrics)).map((score) => score - TRUE_TIME)).toEqual([50, 500, 100_060]);
    }
  });
});

describe("a machine that was paused by its hypervisor", () => {
  // Its uptime has not counted the pause. Nothing tells it from a machine whose clock was wrong from its boot on.
  it("has what it stamped before moved to the pause's end: later than it was, but each record once", async () => {
    const here = device(TRUE_TIME);
    const { state, newTimekeeper, newFlusher, count } = here;
    const timekeeper = newTimekeeper();
    const flusher = newFlusher();
    await timekeeper.check();
    state.uptime = 5;
    await count();
    state.uptime = 20;
    await flusher.flush();
    await count();
    state.bootTime += 3_600;
    await count();
    await timekeeper.check();
    flusher.forget();
    state.uptime = 60;
    await flusher.flush();
    expect((await here.ready()).map(([at]) => at - TRUE_TIME)).toEqual([3_600, 3_620]);
    expect(await sumOf(here)).toBe(3);
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
