import { queueNames } from "@chouette-iot/queue";
import { seconds, shardOf } from "@chouette-iot/record";
import fc from "fast-check";
import { expect, it } from "vitest";
import { faultyStore, type StoreFault } from "../../../../tests/support/faulty-store.js";
import { setUpFlush } from "../../../../tests/support/flushing.js";
import { carryWindows } from "./carried-windows.js";

const queues = queueNames();
const START = 999_999;
/** Short, so that the last second is reached after a few emissions. */
const INTERVAL = 3;
const METRICS = ["a", "b", "c", "d", "e"];

/** An attempt to grow that fails. */
interface Failure {
  readonly call: number;
  readonly fault: StoreFault;
  /** Counts that come after it, in the former shards. */
  readonly late: Counts;
}

type Counts = readonly (readonly [metric: string, value: number])[];

/** Shards with a store each, and what Datadog would keep of their ready metrics. */
class Shards {
  readonly kept = new Map<string, number>();
  readonly sums = new Map<string, number>();
  #shards = [setUpFlush({ interval: INTERVAL })];
  #now = START + 100;

  get size(): number {
    return this.#shards.length;
  }

  /** Counts in one window, and a flush of each shard. */
  async round(counts: Counts): Promise<void> {
    for (const [metric, value] of counts) {
      const shard = this.#shards[shardOf(metric, this.#shards.length)];
      await shard?.put({ metric, type: "count", value, timestamp: START + 1, tags: {} });
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

  /** @param failing calls of the stores, counted in each attempt; between attempts, the former shards go on */
  async growTo(number: number, failing: readonly Failure[]): Promise<void> {
    const from = this.#shards;
    const added = Array.from({ length: number - from.length }, () => setUpFlush({ interval: INTERVAL }));
    for (const { call, fault, late } of failing) {
      let calls = 0;
      const faultOf = () => (calls++ === call ? fault : undefined);
      const failed = [...from, ...added].map(({ store }) => ({ store: faultyStore(store, faultOf), queues }));
      await carryWindows(failed.slice(0, from.length), failed, seconds(INTERVAL)).catch(() => {});
      await this.round(late);
    }
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

const count = fc.tuple(fc.constantFrom(...METRICS), fc.integer({ min: 1, max: 9 }));
const counts = fc.array(count, { maxLength: 4 });
const failing = fc.array(
  fc.record({
    call: fc.nat({ max: 25 }),
    fault: fc.constantFrom<StoreFault>("refused", "answer lost"),
    late: counts,
  }),
  { maxLength: 2 },
);

it("late records of a window count in full after the number of shards grew, however often it was emitted", async () => {
  const rounds = fc.array(counts, { maxLength: 5 });
  const stage = fc.tuple(rounds, fc.integer({ min: 0, max: 2 }), failing);
  const stages = fc.array(stage, { minLength: 2, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(stages, rounds, async (grown, last) => {
      const shards = new Shards();
      for (const [before, more, failures] of grown) {
        for (const each of before) await shards.round(each);
        await shards.growTo(Math.min(5, shards.size + more), failures);
      }
      for (const each of last) await shards.round(each);
      expect(shards.shown()).toEqual(shards.sums);
    }),
    { numRuns: 40 },
  );
});
