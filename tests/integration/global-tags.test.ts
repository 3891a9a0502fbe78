/** GLOBAL_TAGS that change at a restart or reload: no value replaces another at Datadog. */
import { queueNames } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { type ReadyMetric, seconds } from "@chouette-iot/record";
import { expect, it } from "vitest";
import { groupSeries } from "../../packages/agent/src/outputs/series.js";
import { readyWriter } from "../../packages/agent/src/runtime/ready-writer.js";
import { startPipeline } from "../support/simulated-pipeline.js";

const { readyMetrics } = queueNames();
const START = Date.UTC(2026, 5, 1);
const WINDOW = START / 1000;

/** The values that Datadog keeps, by series and second. */
function kept(batches: readonly (readonly ReadyMetric[])[]): ReadonlyMap<string, number> {
  const series = batches.flatMap((batch) => groupSeries(batch));
  return new Map(
    series.flatMap(({ metric, tags, points }) =>
      points.map(([at, value]) => [`${metric} ${tags.join(",")} +${at - WINDOW}`, value] as const),
    ),
  );
}

it("what is ready keeps the tags that it was made with, and what comes late has those of now", async () => {
  const store = new MemoryStore();
  const before = startPipeline(store, START);
  before.metrics.isDown = true;
  await before.count({ env: "live" });
  await before.count();
  await before.count();
  await readyWriter(
    store,
    readyMetrics,
    "collect",
    [],
  )([{ metric: "load", type: "gauge", tags: [], points: [[seconds(WINDOW), 1]] }]);
  await before.clock.advance(13_000);
  expect(await store.size(readyMetrics)).toBe(3);
  await before.stop();

  const after = startPipeline(store, START + 13_000, { GLOBAL_TAGS: '["env:live"]' });
  await after.count({}, WINDOW + 5);
  await readyWriter(store, readyMetrics, "collect", ["env:live"])([
    { metric: "load", type: "gauge", tags: [], points: [[seconds(WINDOW), 2]] },
  ]);
  await after.clock.advance(90_000);
  await after.stop();
  expect(kept(after.metrics.batches)).toEqual(
    new Map([
      ["m env:live +0", 1],
      ["m  +0", 2],
      ["load  +0", 1],
      ["m env:live +1", 1],
      ["load env:live +0", 2],
    ]),
  );
});

it("a window's last second, which is sent again whole, keeps them, too", async () => {
  const store = new MemoryStore();
  const before = startPipeline(store, START);
  for (let part = 0; part < 12; part++) {
    await before.count({ env: "live" }, WINDOW + 1);
    await before.count({}, WINDOW + 2);
    await before.count({}, WINDOW + 2);
    await before.clock.advance(13_000);
  }
  await before.clock.advance(90_000);
  await before.stop();
  const after = startPipeline(store, START + 300_000, { GLOBAL_TAGS: '["env:live"]' });
  await after.count({}, WINDOW + 1);
  await after.clock.advance(120_000);
  await after.stop();
  const values = kept([...before.metrics.batches, ...after.metrics.batches]);
  expect(values.get("m env:live +9")).toBe(12 - 9 + 1);
  expect([...values.values()].reduce((sum, value) => sum + value, 0)).toBe(37);
});
