/** Every loop over a queue ends even if the store returns the same page again and again. */
import { evictUntil, expire, queueNames, rejectRange, type StoredRecord } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { seconds } from "@chouette-iot/record";
import { expect, it } from "vitest";
import { BacklogThinner } from "../../packages/agent/src/flush/backlog-thinner.js";
import { WindowStates } from "../../packages/agent/src/flush/window-states.js";
import { DeadLetters } from "../../packages/agent/src/housekeeping/dead-letters.js";
import { AttemptedTimes } from "../../packages/agent/src/runtime/attempted-times.js";
import { CLOCK_FLOOR, systemClock } from "../../packages/agent/src/runtime/clock.js";
import { Windows } from "../../packages/agent/src/runtime/windows.js";
import { askQueues } from "../../packages/agent/src/status/queue-requests.js";
import { shiftedPages, timedQueues } from "../../packages/agent/src/timekeeping/shift-timestamps.js";
import { startDelivering } from "../support/delivering.js";
import { setUpFlush } from "../support/flushing.js";

const names = queueNames();
const NOW = CLOCK_FLOOR + 1_000_000;
const RECORD: StoredRecord = { score: NOW, id: "stuck", value: "no JSON" };
const ENDLESS = Number.POSITIVE_INFINITY;

/** Settlements change nothing of its queues. */
function stuckStore(): MemoryStore {
  const store = new MemoryStore();
  store.read = async () => [RECORD];
  store.orphans = async () => [{ id: "orphan", value: "v" }];
  store.size = async () => 1_000;
  return store;
}

const SIZE = { bytes: () => 1_000, maxBytes: 10 };

const LOOPS: Readonly<Record<string, (store: MemoryStore) => Promise<unknown>>> = {
  expiry: (store) => expire(store, names.logs, { before: ENDLESS }),
  "dead letters of a range": (store) =>
    rejectRange(
      store,
      { queue: names.logs, rejectedQueue: names.rejected },
      {},
      { reason: "test", at: seconds(NOW) },
    ),
  "eviction of orphans": (store) => evictUntil(store, names, SIZE),
  "eviction of records": (store) => {
    store.orphans = async () => [];
    return evictUntil(store, names, SIZE);
  },
  "the bounds of dead letters": (store) =>
    new DeadLetters(store, names.rejected, systemClock).bound({
      maxRecords: 1,
      maxBytes: ENDLESS,
      ttl: seconds(1e9),
    }),
  purge: (store) => askQueues([{ store, queues: names }], { kind: "purge", queue: "logs" }, NOW),
  requeue: (store) => askQueues([{ store, queues: names }], { kind: "requeue" }, NOW),
  thinning: async (store) => {
    const options = { resolutions: [{ age: 60, step: 60 }], attempted: new AttemptedTimes() };
    const states = new WindowStates(store, names.rawMetrics, new Windows(seconds(10), seconds(2)));
    await new BacklogThinner({
      ...{ ...options, store, states, queue: names.readyMetrics },
      whileUnused: (step) => step(),
    }).thin(seconds(2 * NOW));
  },
  flush: async (store) => setUpFlush({ store }).flushAt(NOW + 100),
  "moving to another time": async (store) => {
    const [raw] = timedQueues(names);
    if (raw === undefined) throw new Error("there is no timed queue");
    const shift = { id: "s", from: seconds(0), to: seconds(2 * NOW), by: seconds(10) };
    const pages = shiftedPages(store, raw, { ...shift, staying: [] }, undefined, undefined);
    for await (const { settlement } of pages) await store.settle(settlement);
  },
  dispatch: async (store) => {
    const delivering = startDelivering({ url: "http://127.0.0.1:9", store });
    try {
      await delivering.dispatcher.dispatch();
    } finally {
      await delivering.stop();
    }
  },
};

it.each(Object.keys(LOOPS))("%s ends if a page doesn't advance", { timeout: 10_000 }, async (name) => {
  await expect(LOOPS[name]?.(stuckStore())).rejects.toThrow(/didn't advance|came again/);
});
