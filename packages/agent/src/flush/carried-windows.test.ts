import { queueNames } from "@chouette-iot/queue";
import { seconds, shardOf } from "@chouette-iot/record";
import fc from "fast-check";
import { expect, it } from "vitest";
import { setUpFlush } from "../../../../tests/support/flushing.js";
import { carryWindows } from "./carried-windows.js";

const queues = queueNames();
const START = 1_000_000;
const INTERVAL = 10;
const METRICS = ["a", "b", "c", "d", "e"];

/** Shards with a store each, and what Datadog would keep of their ready metrics. */
class Shards {
  readonly kept = new Map<string, number>();
  readonly sums = new Map<string, number>();
  #shards = [setUpFlush()];
  #now = START + 100;

  /** Counts in one window, and a flush of each shard. */
  async round(counts: readonly (readonly [metric: string, value: number])[]): Promise<void> {
    for (const [metric, value] of counts) {
      const shard = this.#shards[shardOf(metric, this.#shards.length)];
      await shard?.put({ metric, type: "count", value, timestamp: START + 3, tags: {} });
      this.sums.set(metric, (this.sums.get(metric) ?? 0) + value);
    }
    this.#now += INTERVAL;
    for (const shard of this.#shards) {
      await shard.flushAt(this.#now);
      const ready = await shard.store.read(queues.readyMetrics, { limit: 1_000 });
      for (const { points, metric } of await shard.ready())
        for (const [at, value] of points) this.kept.set(`${metric} ${at}`, value);
      // Sent to Datadog.
      await shard.store.settle({ remove: [{ queue: queues.readyMetrics, records: ready }] });
    }
  }

  async growTo(number: number): Promise<void> {
    const from = this.#shards;
    const added = Array.from({ length: number - from.length }, () => setUpFlush());
    const to = [...from, ...added].map(({ store }) => ({ store, queues }));
    // Repeated, as after a crash.
    for (let time = 0; time < 2; time++) await carryWindows(to.slice(0, from.length), to, seconds(INTERVAL));
    this.#shards = [...from, ...added];
  }

  /** By metric: the sum that Datadog shows. */
  shown(): ReadonlyMap<string, number> {
    const shown = new Map<string, number>();
    for (const [key, value] of this.kept) {
      const [metric = ""] = key.split(" ");
      shown.set(metric, (shown.get(metric) ?? 0) + value);
    }
    return shown;
  }
}

it("late records of a window count in full after the number of shards grew, however often it was emitted", async () => {
  const count = fc.tuple(fc.constantFrom(...METRICS), fc.integer({ min: 1, max: 9 }));
  const rounds = fc.array(fc.array(count, { maxLength: 4 }), { maxLength: 13 });
  await fc.assert(
    fc.asyncProperty(rounds, rounds, rounds, async (first, second, third) => {
      const shards = new Shards();
      for (const counts of first) await shards.round(counts);
      await shards.growTo(3);
      for (const counts of second) await shards.round(counts);
      await shards.growTo(5);
      for (const counts of third) await shards.round(counts);
      expect(shards.shown()).toEqual(shards.sums);
    }),
    { numRuns: 20 },
  );
});
