import { queueNames, type Store, withStoreErrors } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { describe, expect, it } from "vitest";
import { systemClock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { Outage } from "../runtime/outage.js";
import { runStoreLimit } from "./store-limit.js";

const nothing = () => {};
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing } as unknown as Log;

/** The outages that are on after a check on this store, which holds more than it may. */
async function outagesOf(store: Store): Promise<readonly string[]> {
  const ending = new AbortController();
  const checks = [async () => {}, async () => ending.abort()];
  const clock = { ...systemClock, sleep: async () => checks.shift()?.() };
  const outages = {
    store: new Outage("store", clock, log),
    own: new Outage("store limit", clock, log, "failing"),
  };
  const roomOutage = new Outage("embedded store", clock, log, "full");
  await runStoreLimit(
    {
      store,
      queues: queueNames(),
      clock,
      bytes: () => 1_000,
      maxBytes: 10,
      roomOutage,
      outages,
      unlessMoving: (step) => step(),
    },
    ending.signal,
  );
  return [outages.store, outages.own, roomOutage]
    .filter(({ isOn }) => isOn)
    .map((outage) => outage.report().component);
}

describe("the limit of the store's size", () => {
  it("reports the store's failures as the store's outage, and any other as its own", async () => {
    const failing = (error: Error) => {
      const store = new MemoryStore();
      store.read = async () => {
        throw error;
      };
      return withStoreErrors(store);
    };
    expect(await outagesOf(failing(new Error("disk error")))).toEqual(["store"]);
    expect(await outagesOf(failing(new TypeError("a fault")))).toEqual(["store limit"]);
    expect(await outagesOf(withStoreErrors(new MemoryStore()))).toEqual([]);
  });
});
