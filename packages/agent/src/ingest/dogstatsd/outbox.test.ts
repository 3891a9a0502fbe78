/** Invariant: what was added is in the store once, whatever becomes of the store's answers. */
import { queueNames } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { faultyStore, type StoreFault } from "../../../../../tests/support/faulty-store.js";
import { type Clock, systemClock } from "../../runtime/clock.js";
import type { Log } from "../../runtime/log.js";
import { Outage } from "../../runtime/outage.js";
import { newStatsdCounters } from "./counters.js";
import { removeOldMarkers, StatsdOutbox } from "./outbox.js";

const RAW = queueNames().rawMetrics;
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} } as unknown as Log;
const clock: Clock = { ...systemClock, sleep: () => systemClock.sleep(milliseconds(0)) };
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("what DogStatsD stores", () => {
  it("is stored once in order, though answers are lost and a flush takes records in between", async () => {
    const faults = fc.array(fc.constantFrom<StoreFault | undefined>("refused", "answer lost", undefined));
    await fc.assert(
      fc.asyncProperty(faults, async (planned) => {
        const store = new MemoryStore();
        const left = [...planned];
        const counters = newStatsdCounters();
        const outage = new Outage("test", clock, log);
        const faulty = faultyStore(store, (method) => (method === "settle" ? left.shift() : undefined));
        const outbox = new StatsdOutbox({ store: faulty, clock, counters, outage });
        const taken: (string | undefined)[] = [];
        const takeAll = async () => {
          const records = await store.read(RAW, { limit: 100 });
          taken.push(...records.map(({ value }) => value));
          await store.settle({ remove: [{ queue: RAW, records }] });
        };
        for (let added = 0; added < 8; added++) {
          outbox.add(RAW, `${added}`, 1_700_000_000 + added);
          await turn();
          await takeAll();
        }
        while (counters.stored < 8) await turn();
        await outbox.close();
        await takeAll();
        expect(taken).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
        expect(await store.stateWithPrefix("statsd:")).toEqual(new Map());
      }),
      { numRuns: 50 },
    );
  });

  it("is bounded while the store is unavailable: the oldest records are dropped and counted", async () => {
    const store = new MemoryStore();
    let isAway = true;
    const faulty = faultyStore(store, () => (isAway ? "refused" : undefined));
    const counters = newStatsdCounters();
    const outage = new Outage("test", clock, log);
    const outbox = new StatsdOutbox({ store: faulty, clock, counters, outage });
    for (let added = 0; added < 80_000; added++) outbox.add(RAW, "{}", 1_700_000_000 + added);
    await turn();
    expect(outage.isOn).toBe(true);
    isAway = false;
    while (counters.stored + counters.dropped < 80_000) await turn();
    expect(counters.dropped).toBe(30_000);
    expect(await store.size(RAW)).toBe(50_000);
    expect(outage.isOn).toBe(false);
  });

  it("is counted as dropped if the store refuses it until the end", async () => {
    const counters = newStatsdCounters();
    const store = faultyStore(new MemoryStore(), () => "refused");
    const outbox = new StatsdOutbox({ store, clock, counters, outage: new Outage("test", clock, log) });
    for (let added = 0; added < 3; added++) outbox.add(RAW, "{}", 1_700_000_000 + added);
    await outbox.close();
    expect(counters).toMatchObject({ stored: 0, dropped: 3 });
  });

  it("leaves a marker if it is killed, which a start of a later day removes", async () => {
    const store = new MemoryStore();
    const counters = newStatsdCounters();
    const options = { store, clock, counters, outage: new Outage("test", clock, log) };
    new StatsdOutbox(options).add(RAW, "{}", seconds(1_700_000_000));
    while (counters.stored === 0) await turn();
    await removeOldMarkers(store, clock);
    expect(await store.stateWithPrefix("statsd:")).toHaveProperty("size", 1);
    await removeOldMarkers(store, { ...clock, now: () => milliseconds(Date.now() + 90_000_000) });
    expect(await store.stateWithPrefix("statsd:")).toHaveProperty("size", 0);
  });
});
