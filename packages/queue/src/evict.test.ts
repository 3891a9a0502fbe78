import { afterEach, beforeEach, expect, it } from "vitest";
import { newFolder } from "../../../tests/support/folders.js";
import { type EmbeddedStore, openEmbeddedStore } from "./embedded/open-embedded-store.js";
import { evictUntil } from "./evict.js";
import { queueNames } from "./queue-names.js";
import type { ReadOptions, Settlement } from "./store.js";

const queues = queueNames();
const RECORDS = 4_000;

let folder: Awaited<ReturnType<typeof newFolder>>;
let store: EmbeddedStore;
beforeEach(async () => {
  folder = await newFolder();
  ({ store } = await openEmbeddedStore({ folder: folder.path }));
  for (const queue of Object.values(queues) as string[]) {
    const records = Array.from({ length: RECORDS }, (_, score) => ({
      score,
      id: `${score}`,
      value: "x".repeat(200),
    }));
    await store.append(queue, records);
  }
});
afterEach(async () => {
  await store.close();
  await folder.remove();
});

it("lets the least important leave first, the oldest before the newer, each counted", async () => {
  const whole = store.bytes();
  expect(await evictUntil(store, queues, { bytes: () => store.bytes(), maxBytes: whole })).toBe(0);
  expect(
    await evictUntil(store, queues, { bytes: () => store.bytes(), maxBytes: whole * 0.4 }),
  ).toBeGreaterThan(4 * RECORDS);
  expect(store.bytes()).toBeLessThanOrEqual(whole * 0.4);
  expect(await store.size(queues.rejected)).toBe(0);
  expect(await store.size(queues.logs)).toBe(0);
  const left = await store.size(queues.rawMetrics);
  expect((await store.read(queues.rawMetrics, { limit: 1 }))[0]?.score).toBe(RECORDS - left);
  expect(await store.size(queues.readyMetrics)).toBe(RECORDS);
  expect(await store.counters()).toEqual(
    new Map([
      [`${queues.rejected}:displaced`, RECORDS],
      [`${queues.logs}:displaced`, RECORDS],
      [`${queues.events}:displaced`, RECORDS],
      [`${queues.checks}:displaced`, RECORDS],
      [`${queues.rawMetrics}:displaced`, RECORDS - left],
    ]),
  );
});

it("evicts values without a time before anything that can be used, and counts a record that is settled meanwhile once", async () => {
  for (let n = 0; n < 30; n++)
    await store.write([{ queue: queues.readyMetrics, id: `orphan-${n}`, value: "x".repeat(100_000) }]);
  const limit = store.bytes() - 3_500_000;
  // Somebody settles each page between the moment in which it is read and that in which it is evicted.
  const racing = {
    bytes: () => store.bytes(),
    orphans: (queue: string, most: number) => store.orphans(queue, most),
    settle: (settlement: Settlement) => store.settle(settlement),
    read: async (queue: string, options: ReadOptions) => {
      const page = await store.read(queue, options);
      const records = page.slice(0, 300);
      await store.settle({ remove: [{ queue, records, counter: "settled" }] });
      return page;
    },
  };
  const evicted = await evictUntil(racing, queues, { bytes: () => store.bytes(), maxBytes: limit });
  expect(await store.orphans(queues.readyMetrics, 10)).toEqual([]);
  expect(evicted).toBeGreaterThanOrEqual(30);
  expect(await store.size(queues.logs)).toBe(RECORDS);
  const counters = await store.counters();
  const left = (counters.get(`${queues.rejected}:displaced`) ?? 0) + (counters.get("settled") ?? 0);
  expect(left).toBe(RECORDS - (await store.size(queues.rejected)));
  expect(counters.get(`${queues.readyMetrics}:displaced`)).toBe(30);
});
