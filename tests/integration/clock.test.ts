/**
 * A pipeline whose clock is set while it works: every record counts once, at the time at which it happened.
 *
 * The pipeline and its store are real; the clock and the intake belong to the test.
 */
import { queueNames, type Store } from "@chouette-iot/queue";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { describe, expect, it } from "vitest";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { startPipeline as startSimulated } from "../support/simulated-pipeline.js";
import { until } from "../support/until.js";

const queues = queueNames();
const TRUE_TIME = Date.UTC(2026, 5, 1);
const MINUTE = 60_000;

const cleanUps = cleanUpsAfterEach();
function startPipeline(store: Store, start: number, settings?: Readonly<Record<string, string>>) {
  const pipeline = startSimulated(store, start, settings);
  cleanUps.push(pipeline.stop);
  return pipeline;
}

const sum = (points: ReadonlyMap<unknown, number>) =>
  [...points.values()].reduce((all, value) => all + value, 0);

describe("each count arrives once", () => {
  it("if the link is down for half an hour and the clock is set back by ten minutes meanwhile", async () => {
    const { clock, metrics, count, points } = startPipeline(new MemoryStore(), TRUE_TIME + 10 * MINUTE);
    metrics.isDown = true;
    for (let second = 0; second < 1_800; second += 10) {
      if (second === 900) clock.jump(-10 * MINUTE);
      await count();
      await clock.advance(10_000);
    }
    metrics.isDown = false;
    await clock.advance(5 * MINUTE);
    expect(sum(points())).toBe(180);
    expect(Math.min(...points().keys())).toBe(TRUE_TIME / 1000);
  });

  it.each([
    ["ahead by three days", 3 * 24 * 60 * MINUTE],
    ["back by ten minutes", -10 * MINUTE],
  ])("if the backlog was thinned when the clock is set %s", async (_, jump) => {
    const store = new MemoryStore();
    const settings = { BACKLOG_RESOLUTION: "10m:60,20m:300" };
    const { clock, metrics, count } = startPipeline(store, TRUE_TIME - jump, settings);
    metrics.isDown = true;
    for (let second = 0; second < 3_000; second += 10) {
      if (second === 2_400) clock.jump(jump);
      await count({ of: "each window" });
      // Its point is in a window whose other points have gone into an earlier one.
      if (second % 60 === 30) await count({ of: "a window" });
      await clock.advance(10_000);
    }
    metrics.isDown = false;
    await clock.advance(5 * MINUTE);
    const arrived = metrics.batches.flat();
    const points = new Map(
      arrived.flatMap((one) => one.points.map(([at, value]) => [`${at} ${one.tags}`, value])),
    );
    expect(sum(points)).toBe(350);
    const times = arrived.map((one) => one.points[0]?.[0] ?? 0);
    expect(Math.min(...times)).toBe(TRUE_TIME / 1000);
    expect(Math.max(...times)).toBe(TRUE_TIME / 1000 + 2_990);
    const thinned = (await store.counters()).get(`${queues.readyMetrics}:thinned`) ?? 0;
    expect(thinned).toBeGreaterThan(150);
    expect(points.size + thinned).toBe(350);
  });

  it("if a batch is under way for so long that what it has could be thinned", async () => {
    const settings = { BACKLOG_RESOLUTION: "10m:300" };
    const { clock, metrics, count, points } = startPipeline(new MemoryStore(), TRUE_TIME, settings);
    let answer = () => {};
    metrics.answer = new Promise((resolve) => {
      answer = resolve;
    });
    for (let second = 0; second < 1_500; second += 10) {
      await count();
      await clock.advance(10_000);
    }
    answer();
    await clock.advance(5 * MINUTE);
    expect(sum(points())).toBe(150);
  });

  it.each([
    ["in memory", async () => new MemoryStore()],
    [
      "embedded",
      async () => {
        const folder = await newFolder();
        const { store } = await openEmbeddedStore({ folder: folder.path });
        cleanUps.push(folder.remove, () => store.close());
        return store;
      },
    ],
  ])("if a batch is under way while the clock is set, %s", async (_, open) => {
    const store = await open();
    const { clock, metrics, logs, count, say, points } = startPipeline(store, TRUE_TIME);
    let answer = () => {};
    metrics.answer = new Promise((resolve) => {
      answer = resolve;
    });
    logs.answer = metrics.answer;
    const at = async (what: string, probe: () => boolean | Promise<boolean>) =>
      until(what, async () => {
        await clock.advance(1_000);
        return probe();
      });
    for (let record = 0; record < 60; record++) await count();
    for (let record = 0; record < 5; record++) await say();
    await at("a batch to be under way", () => metrics.batches.length > 0 && logs.batches.length > 0);
    clock.jump(60 * MINUTE);
    await count();
    for (let second = 0; second < 30; second++) await at("a second", () => true);
    // Until then nothing is moved, sent or flushed.
    expect([metrics.batches.length, logs.batches.length]).toEqual([1, 1]);
    expect(await store.size(queues.rawMetrics)).toBe(1);
    const [sent] = await store.read(queues.readyMetrics, { limit: 1 });
    expect(sent?.score).toBe(TRUE_TIME / 1000);
    answer();
    await at("the later count", () => sum(points()) === 61);
    for (let second = 0; second < 120; second++) await at("a second", () => true);
    expect(sum(points())).toBe(61);
    expect(logs.batches.flat()).toHaveLength(5);
    expect(metrics.batches.flat()).toHaveLength(2);
  });
});

describe("while the clock isn't set, nothing is sent", () => {
  it("and all of it has the right time once it is", async () => {
    const { clock, metrics, logs, count, say, points } = startPipeline(new MemoryStore(), 0);
    await count();
    await say();
    await clock.advance(5 * MINUTE);
    expect([metrics.batches, logs.batches]).toEqual([[], []]);
    clock.jump(TRUE_TIME);
    await clock.advance(2 * MINUTE);
    expect([...points()]).toEqual([[TRUE_TIME / 1000, 1]]);
    expect(logs.batches.flat().map(({ date }) => date)).toEqual([new Date(TRUE_TIME).toISOString()]);
  });

  it("and it goes on soon after that, not after a release interval", async () => {
    const { clock, logs, say } = startPipeline(new MemoryStore(), 0);
    await say();
    await clock.advance(5_000);
    clock.jump(TRUE_TIME);
    await clock.advance(1_000);
    expect(logs.batches).toHaveLength(1);
  });
});
