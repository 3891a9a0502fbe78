import { queueNames, shardNamespace } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { seconds, shardOf } from "@chouette-iot/record";
import { expect, it } from "vitest";
import { faultyStore, type StoreFault } from "../../../../tests/support/faulty-store.js";
import { type Context, newContext } from "../aggregation/context.js";
import { saveContexts } from "../aggregation/saved-contexts.js";
import { handOverWindows } from "./hand-over-windows.js";

const queues = queueNames();
const START = seconds(1_000_000);
const STATE = `window:${queues.rawMetrics}:${START}`;
const PARTS = `parts:${queues.rawMetrics}:${START}`;
const METRICS = ["a", "b", "c"];

/** Contexts of a part of a window: each metric has counted 7. */
function partOfWindow(): string {
  const contexts = METRICS.map((metric) => {
    const context = newContext({ metric, type: "count", tags: [] });
    return { ...context, sum: { ...context.sum, total: 7 } };
  });
  return saveContexts(contexts.map((context) => ({ context: context as Context, readyIds: [] })));
}

it.each<readonly (StoreFault | undefined)[]>([
  [undefined],
  ["refused", undefined],
  ["answer lost", undefined],
  [undefined, "refused"],
  [undefined, undefined, "answer lost"],
])("parts of a window are handed over once, and its emissions aren't forgotten, after faults %s %s %s", async (...faults) => {
  const memory = new MemoryStore();
  const left = [...faults];
  const store = faultyStore(memory, (method) => (method === "settle" ? left.shift() : undefined));
  const shards = [0, 1].map((shard) => ({ store, queues: queueNames(shardNamespace(shard)) }));
  const state = { interval: 10, emitted: 3, hasParts: true, hasFinalSecond: false, hasGauges: false };
  await memory.settle({
    state: new Map([
      [STATE, JSON.stringify(state)],
      [PARTS, partOfWindow()],
    ]),
  });
  const options = { store, queues, shards, interval: seconds(10), now: seconds(0) };
  for (let time = 0; time < 4; time++) await handOverWindows(options).catch(() => {});
  expect(await memory.state([STATE, PARTS])).toEqual([undefined, undefined]);
  for (const [shard, { queues: own }] of shards.entries()) {
    const raw = await memory.read(own.rawMetrics, { limit: 10 });
    const values = raw.map(({ value = "" }) => JSON.parse(value) as { metric: string; value: number });
    const metrics = METRICS.filter((metric) => shardOf(metric, 2) === shard);
    expect(values.map(({ metric }) => metric).sort()).toEqual(metrics);
    for (const { value } of values) expect(value).toBe(7);
    const [carried = "{}"] = await memory.state([`window:${own.rawMetrics}:${START}`]);
    expect(JSON.parse(carried)).toMatchObject({ emitted: 3, hasParts: false });
  }
});
