import { type NewRecord, queueNames, type Store, shardNamespace } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { shardOf } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { faultyStore, type StoreFault } from "../../../../tests/support/faulty-store.js";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import { route } from "./router.js";

const queues = queueNames();
const clock = new ManualClock(1_000_000);
const never = new AbortController().signal;
const shardsOn = (store: Store, shards: number) =>
  Array.from({ length: shards }, (_, shard) => ({ store, queues: queueNames(shardNamespace(shard)) }));

async function all(store: Store, queue: string): Promise<readonly NewRecord[]> {
  const records = await store.read(queue, { limit: 10_000 });
  return records.map(({ id, score, value = "" }) => ({ id, score, value }));
}

const raw = (metric: string) => JSON.stringify({ metric, type: "count", value: 1, timestamp: 5, tags: {} });

describe("a record of a client without shards", () => {
  it("is moved once, unchanged, to its metric's shard, though settlements fail and answers are lost", async () => {
    const metrics = fc.array(fc.constantFrom("a", "b.c", "d-e", "d_e", "long.name"), { maxLength: 40 });
    const faults = fc.array(fc.constantFrom<StoreFault | undefined>(undefined, "refused", "answer lost"), {
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(metrics, faults, fc.integer({ min: 1, max: 5 }), async (names, left, shards) => {
        const memory = new MemoryStore();
        const store = faultyStore(memory, (method) => (method === "settle" ? left.shift() : undefined));
        const records = names.map((metric, index) => ({
          id: `id${index}`,
          score: index % 7,
          value: raw(metric),
        }));
        await memory.append(queues.rawMetrics, records);
        const targets = shardsOn(store, shards);
        const options = { store, queues, clock, targets: () => targets };
        for (let round = 0; round <= 6; round++) await route(options, never).catch(() => {});
        expect(await memory.size(queues.rawMetrics)).toBe(0);
        for (const [shard, { queues: own }] of targets.entries()) {
          const expected = records.filter((_, index) => shardOf(names[index] ?? "", shards) === shard);
          const moved = await all(memory, own.rawMetrics);
          expect([...moved].sort(byId)).toEqual([...expected].sort(byId));
        }
        const counted = (await memory.counters()).get(`${queues.rawMetrics}:routed`) ?? 0;
        expect(counted).toBe(records.length);
      }),
      { numRuns: 60 },
    );
  });

  it("goes to a shard, whose flush rejects it, if it is no metric", async () => {
    const store = new MemoryStore();
    const values = ["no JSON", "{}", '{"metric":7}', "[]", ""];
    await store.append(
      queues.rawMetrics,
      values.map((value, index) => ({ id: `id${index}`, score: 1, value })),
    );
    const targets = shardsOn(store, 4);
    await route({ store, queues, clock, targets: () => targets }, never);
    const moved = await Promise.all(targets.map(({ queues: own }) => all(store, own.rawMetrics)));
    expect(
      moved
        .flat()
        .map(({ value }) => value)
        .sort(),
    ).toEqual([...values].sort());
  });

  it("waits while the number of shards changes", async () => {
    const store = new MemoryStore();
    await store.append(queues.rawMetrics, [{ id: "id", score: 1, value: raw("m") }]);
    await route({ store, queues, clock, targets: () => undefined }, never);
    expect(await store.size(queues.rawMetrics)).toBe(1);
  });
});

function byId(a: NewRecord, b: NewRecord): number {
  return a.id < b.id ? -1 : 1;
}
