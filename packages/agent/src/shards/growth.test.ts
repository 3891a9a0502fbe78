import { queueNames, StaleSettlementError, type Store, shardNamespace } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds, seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { until } from "../../../../tests/support/until.js";
import type { Clock } from "../runtime/clock.js";
import { Outage } from "../runtime/outage.js";
import { LoopWatchdog } from "../runtime/watchdog.js";
import { Windows } from "../runtime/windows.js";
import { type GrowingShard, Growth } from "./growth.js";
import { ShardCount } from "./shard-count.js";

const windows = new Windows(seconds(10), seconds(2));

class NumberedShard implements GrowingShard {
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

  constructor(
    shard: number,
    stored?: number,
    readonly store: Store = new MemoryStore(),
  ) {
    this.queues = queueNames(shardNamespace(shard));
    this.stored = stored;
  }
}

const stopped: Clock = {
  now: () => milliseconds(0),
  monotonic: () => milliseconds(0),
  sleep: async () => {},
};
const newGrowth = (clock = stopped) => new Growth(clock, windows, new LoopWatchdog("any", clock));

const record = { id: "id", score: 1, value: "any" };

describe("the number of shards grows", () => {
  it("once all have had no raw record and no part of a window for three windows", async () => {
    let now = 0;
    const clock = { now: () => milliseconds(0), monotonic: () => milliseconds(now), sleep: async () => {} };
    const growth = newGrowth(clock);
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
    const from = [new NumberedShard(0, 2), new NumberedShard(1, 2)];
    const added = [new NumberedShard(2), new NumberedShard(3)];
    const to = [...from, ...added];
    const numbers = () => to.map(({ stored }) => stored);
    for (const shard of to) {
      shard.isDown = true;
      await expect(newGrowth().grow(from, added)).rejects.toThrow("down");
      expect(from[0]?.stored).toBe(2);
      shard.isDown = false;
    }
    await newGrowth().grow(from, added);
    expect(numbers()).toEqual([4, 4, 4, 4]);
  });

  it("again, if another agent changed it in a shard meanwhile", async () => {
    const shards = [new NumberedShard(0, 1), new NumberedShard(1)] as const;
    const [first, other] = shards;
    const { replaceShards } = other.server;
    other.server.replaceShards = async () => false;
    await expect(newGrowth().grow([first], [other])).rejects.toThrow(StaleSettlementError);
    expect(first.stored).toBe(1);
    other.server.replaceShards = replaceShards;
    await newGrowth().grow([first], [other]);
    expect(shards.map(({ stored }) => stored)).toEqual([2, 2]);
  });

  it("however long it takes to carry the state of many windows, without counting as hung", async () => {
    let now = 0;
    const clock = { ...stopped, monotonic: () => milliseconds(now) };
    const watchdog = new LoopWatchdog("any", clock);
    const memory = new MemoryStore();
    const reasons: (string | undefined)[] = [];
    const slow = new Proxy<Store>(memory, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) => {
          now += 10_000;
          reasons.push(watchdog.stallReason());
          return member.apply(target, args);
        };
      },
    });
    const shard = new NumberedShard(0, 1, slow);
    const state = JSON.stringify({ interval: 10, emitted: 1, hasGauges: true });
    const { rawMetrics } = shard.queues;
    for (let start = 0; start < 100; start += 10)
      await memory.settle({ state: new Map([[`window:${rawMetrics}:${start}`, state]]) });
    await new Growth(clock, windows, watchdog).grow([shard], [new NumberedShard(1, undefined, slow)]);
    expect(reasons.length).toBeGreaterThan(10);
    expect(reasons.filter((reason) => reason !== undefined)).toEqual([]);
  });
});

it("a shard that an agent took before it knew the raised number gets it", async () => {
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const number = new ShardCount(4, new Outage("any", stopped, log));
  const [first, taken] = [new NumberedShard(0, 2), new NumberedShard(1, 4)];
  await number.update(first.server);
  const leading = new AbortController();
  number.writeTo(taken.server, stopped, leading.signal);
  await until("the old number", () => taken.stored === 2);
  first.stored = 4;
  await number.update(first.server);
  await until("the new number", () => taken.stored === 4);
  leading.abort();
});
