import type { BrokerStore } from "@chouette-iot/queue";
import { expect, it } from "vitest";
import { systemClock } from "../../runtime/clock.js";
import type { Log } from "../../runtime/log.js";
import { Outage } from "../../runtime/outage.js";
import { DurableWrites, type DurableWritesOptions } from "./durable-writes.js";
import type { WriteBatch } from "./write-batch.js";

const nothing = () => {};
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing } as unknown as Log;
const batch = { markers: [], heldBytes: 0, writes: () => [] } as unknown as WriteBatch;

it("a batch that can't be stored by its own fault is answered with the error, and is no outage of the store", async () => {
  const errors: (Error | undefined)[] = [];
  const outages = {
    store: new Outage("embedded broker's store", systemClock, log),
    own: new Outage("embedded broker", systemClock, log, "failing"),
  };
  const write = async () => {
    const error = errors.shift();
    if (error !== undefined) throw error;
  };
  const writes = new DurableWrites({
    store: { write, writeNow: () => false } as unknown as BrokerStore,
    markers: { stateFor: () => new Map(), notStored: nothing },
    memory: { storing: () => nothing },
    counters: { failedWrites: 0 },
    outages,
  } as unknown as DurableWritesOptions);
  const isOn = () => [outages.store.isOn, outages.own.isOn];
  errors.push(new RangeError("an id too long"), undefined, new Error("no space left"));
  expect(await writes.write(batch)).toBeDefined();
  expect(isOn()).toEqual([false, true]);
  expect(await writes.write(batch)).toBeUndefined();
  expect(isOn()).toEqual([false, false]);
  expect(await writes.write(batch)).toBeDefined();
  expect(isOn()).toEqual([true, false]);
});
