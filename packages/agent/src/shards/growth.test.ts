import { queueNames, type Store, shardNamespace } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds, seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { Windows } from "../runtime/windows.js";
import { type GrowingShard, Growth } from "./growth.js";

const windows = new Windows(seconds(10), seconds(2));

class NumberedShard implements GrowingShard {
  readonly store: Store = new MemoryStore();
  readonly queues;
  stored: number | undefined;
  /** Its server can't be reached. */
  isDown = false;
  readonly server = {
    shards: async () => this.stored,
    replaceShards: async (from: number | undefined, to: number) => {
      if (this.isDown) throw new Error("down");
      if (this.stored !== from) return false;
      this.stored = to;
      return true;
    },
  };

  constructor(shard: number, stored?: number) {
    this.queues = queueNames(shardNamespace(shard));
    this.stored = stored;
  }
}

const record = { id: "id", score: 1, value: "any" };

describe("the number of shards grows", () => {
  it("once all have had no raw record and no part of a window for three windows", async () => {
    let now = 0;
    const clock = { now: () => milliseconds(0), monotonic: () => milliseconds(now), sleep: async () => {} };
    const growth = new Growth(clock, windows);
    const shards = [new NumberedShard(0), new NumberedShard(1)] as const;
    const [, { store, queues }] = shards;
    const isDrainedAt = (time: number) => {
      now = time;
      return growth.areDrained(shards);
    };
    await store.append(queues.rawMetrics, [record]);
    expect(await isDrainedAt(0)).toBe(false);
    await store.settle({
      remove: [{ queue: queues.rawMetrics, records: [record] }],
      state: new Map([[`parts:${queues.rawMetrics}:10`, "[]"]]),
    });
    expect(await isDrainedAt(1_000)).toBe(false);
    await store.settle({ state: new Map([[`parts:${queues.rawMetrics}:10`, undefined]]) });
    expect(await isDrainedAt(2_000)).toBe(false);
    expect(await isDrainedAt(37_999)).toBe(false);
    expect(await isDrainedAt(38_000)).toBe(true);
    await store.append(queues.rawMetrics, [record]);
    expect(await isDrainedAt(39_000)).toBe(false);
  });

  it("in the first shard last, which counts: nobody uses the new number while another shard lacks it", async () => {
    const clock = { now: () => milliseconds(0), monotonic: () => milliseconds(0), sleep: async () => {} };
    const from = [new NumberedShard(0, 2), new NumberedShard(1, 2)];
    const to = [...from, new NumberedShard(2), new NumberedShard(3)];
    const numbers = () => to.map(({ stored }) => stored);
    for (const shard of to) {
      shard.isDown = true;
      await expect(new Growth(clock, windows).grow(from, to)).rejects.toThrow("down");
      expect(from[0]?.stored).toBe(2);
      shard.isDown = false;
    }
    await new Growth(clock, windows).grow(from, to);
    expect(numbers()).toEqual([4, 4, 4, 4]);
  });
});
