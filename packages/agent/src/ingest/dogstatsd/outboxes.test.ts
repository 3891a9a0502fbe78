/** Invariant: a metric is stored in its own shard, and the outage is that of all shards together. */
import { queueNames } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds, shardOf } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { faultyStore } from "../../../../../tests/support/faulty-store.js";
import { type Clock, systemClock } from "../../runtime/clock.js";
import type { Log } from "../../runtime/log.js";
import { Outage } from "../../runtime/outage.js";
import { newStatsdCounters } from "./counters.js";
import { openOutboxes } from "./outboxes.js";

const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const clock: Clock = { ...systemClock, sleep: () => systemClock.sleep(milliseconds(0)) };
const names = Array.from({ length: 30 }, (_, number) => `metric.${number}`);
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function valuesIn(store: MemoryStore, queue: string) {
  const records = await store.read(queue, { limit: 1_000 });
  return records.map(({ score, value }) => [value, score]);
}

describe.each([1, 3])("the outboxes of %i shards", (count) => {
  const queuesOf = (shard: number) => queueNames(`chouette:{${shard}}`);
  const open = () => {
    const stores = Array.from({ length: count }, () => new MemoryStore());
    const isAway = stores.map(() => false);
    const counters = newStatsdCounters();
    const outage = new Outage("test", clock, log);
    const [first, ...others] = stores.map((store, shard) => ({
      store: faultyStore(store, () => (isAway[shard] ? "refused" : undefined)),
      queues: queuesOf(shard),
    }));
    if (first === undefined) throw new Error("there is at least one");
    return {
      stores,
      isAway,
      counters,
      outage,
      outboxes: openOutboxes([first, ...others], { clock, counters, outage }),
    };
  };

  it("store each metric in its shard", async () => {
    const { stores, outboxes } = open();
    for (const [index, name] of names.entries()) outboxes.addMetric(name, name, index);
    await outboxes.close();
    for (const [shard, store] of stores.entries())
      expect(await valuesIn(store, queuesOf(shard).rawMetrics)).toEqual(
        [...names.entries()]
          .filter(([, name]) => shardOf(name, count) === shard)
          .map(([index, name]) => [name, index]),
      );
  });

  it("store events and checks in their queues, the same number in each shard", async () => {
    const { stores, outboxes } = open();
    for (let number = 0; number < 6; number++) {
      outboxes.add("events", "event", number);
      outboxes.add("checks", "check", number);
    }
    await outboxes.close();
    for (const [shard, store] of stores.entries()) {
      const { events, checks } = queuesOf(shard);
      const found = [...(await valuesIn(store, events)), ...(await valuesIn(store, checks))];
      expect(found).toHaveLength(12 / count);
      expect((await valuesIn(store, events)).every(([value]) => value === "event")).toBe(true);
      expect((await valuesIn(store, checks)).every(([value]) => value === "check")).toBe(true);
    }
  });

  it("are in an outage until every shard stores again", async () => {
    const { isAway, counters, outage, outboxes } = open();
    isAway.fill(true);
    for (const name of names) outboxes.addMetric(name, name, 1);
    await turn();
    expect(outage.isOn).toBe(true);
    const last = isAway.length - 1;
    for (let shard = 0; shard < last; shard++) isAway[shard] = false;
    const inOthers = names.filter((name) => shardOf(name, count) !== last).length;
    while (counters.stored < inOthers) await turn();
    await turn();
    expect([counters.stored, outage.isOn]).toEqual([inOthers, true]);
    isAway[last] = false;
    while (counters.stored < names.length) await turn();
    expect(outage.isOn).toBe(false);
    await outboxes.close();
  });

  it("share the limit of waiting records", async () => {
    const { isAway, counters, outboxes } = open();
    isAway.fill(true);
    for (let added = 0; added < 30_000; added++) outboxes.addMetric("one", "{}", 1_700_000_000 + added);
    await turn();
    expect(counters.dropped > 0).toBe(count > 1);
    await outboxes.close();
    expect(counters.dropped).toBe(30_000);
  });
});
