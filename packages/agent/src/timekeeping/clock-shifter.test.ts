/** Jumps of the clock, whatever fails while their records are moved. */
import { queueNames, StaleSettlementError } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { describe, expect, it } from "vitest";
import { device, sumOf, TRUE_TIME } from "../../../../tests/support/device.js";
import { faultyStore } from "../../../../tests/support/faulty-store.js";
import { currentBoot } from "./boot.js";
import { CLOCK_STATE } from "./clock-state.js";

const queues = queueNames();

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
