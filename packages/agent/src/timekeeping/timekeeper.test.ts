import { queueNames, type Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { decodeReadyMetric, milliseconds, seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { Flusher } from "../flush/flusher.js";
import type { Log } from "../log.js";
import { datadogWrapper } from "../wrappers/datadog.js";
import { CLOCK_FLOOR, Timekeeper } from "./timekeeper.js";

const queues = queueNames();
const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const TRUE_TIME = Date.UTC(2026, 5, 1) / 1000;
const INTERVAL = seconds(10);

/** A device whose clock is off, and whose time since boot runs on evenly. */
function device(bootTime: number, store: Store = new MemoryStore()) {
  const state = { bootTime, uptime: 0, bootId: "a-boot" };
  const now = () => state.bootTime + state.uptime;
  const clock = {
    now: () => milliseconds(now() * 1000),
    monotonic: () => milliseconds(state.uptime * 1000),
    sleep: async () => {},
  };
  const newTimekeeper = () =>
    new Timekeeper({
      store,
      queues,
      clock,
      boot: { id: state.bootId, uptime: () => seconds(state.uptime) },
      log,
      interval: INTERVAL,
    });
  const newFlusher = () =>
    new Flusher({
      store,
      queues,
      wrap: datadogWrapper({ histogramAggregates: [], histogramPercentiles: [] }),
      clock,
      interval: INTERVAL,
      grace: seconds(2),
      ttl: seconds(14_400),
      globalTags: [],
      floor: CLOCK_FLOOR,
    });
  let ids = 0;
  return {
    state,
    store,
    now,
    newTimekeeper,
    newFlusher,
    /** A client of the device counts one, by the device's clock. */
    count: async () => {
      const timestamp = now();
      const value = JSON.stringify({ metric: "m", type: "count", value: 1, timestamp, tags: {} });
      await store.append(queues.rawMetrics, [{ id: `id${++ids}`, score: timestamp, value }]);
    },
    scores: async (queue: string) => (await store.read(queue, { limit: 1000 })).map(({ score }) => score),
    ready: async () => {
      const records = await store.read(queues.readyMetrics, { limit: 1000 });
      return records.flatMap(({ value }) => {
        const decoded = decodeReadyMetric(value ?? "");
        return decoded.ok ? decoded.record.points : [];
      });
    },
  };
}

describe("the timekeeper", () => {
  it("has records wait while the clock is in 1970, and re-bases them once it is set", async () => {
    const { state, newTimekeeper, newFlusher, count, ready } = device(0);
    const timekeeper = newTimekeeper();
    state.uptime = 100;
    await count();
    expect(await timekeeper.check()).toMatchObject({ isSet: false });
    state.uptime = 205;
    await count();
    state.bootTime = TRUE_TIME;
    state.uptime = 300;
    await count();
    expect(await timekeeper.check()).toEqual({ isSet: true, hasRebased: true });
    await newFlusher().flush();
    expect((await ready()).map(([at, value]) => [at - TRUE_TIME, value])).toEqual([
      [100, 1],
      [200, 1],
    ]);
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
    expect(timekeeper.hasJumped).toBe(true);
    expect(await timekeeper.check()).toMatchObject({ hasRebased: true });
    expect(timekeeper.hasJumped).toBe(false);
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
    expect(await newTimekeeper().check()).toMatchObject({ hasRebased: true });
    state.bootTime = TRUE_TIME + 5000;
    state.bootId = "another-boot";
    expect(await newTimekeeper().check()).toMatchObject({ hasRebased: false });
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
      expect(await timekeeper.check()).toMatchObject({ hasRebased: false });
    }
    expect(await newTimekeeper().check()).toMatchObject({ hasRebased: false });
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
