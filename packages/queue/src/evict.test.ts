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

it("evicts values without a time a page at a time, and nothing else if that is enough", async () => {
  const ids = Array.from({ length: 3_000 }, (_, n) => `orphan-${n + 1_000}`);
  await store.write(ids.map((id) => ({ queue: queues.logs, id, value: "x".repeat(89) })));
  const bytes = () => store.bytes();
  // Each takes a hundred bytes.
  const whole = bytes();
  expect(await evictUntil(store, queues, { bytes, maxBytes: whole - 100_000 })).toBe(1_000);
  expect(await evictUntil(store, queues, { bytes, maxBytes: whole - 100_001 })).toBe(1_000);
  expect((await store.orphans(queues.logs, 5_000)).length).toBe(1_000);
  expect(await store.counters()).toEqual(new Map([[`${queues.logs}:displaced`, 2_000]]));
  expect(await store.size(queues.rejected)).toBe(RECORDS);
});

it("stops with the page that makes enough room, and returns how many it has evicted", async () => {
  let left = 7 * RECORDS;
  const counting = {
    read: (queue: string, options: ReadOptions) => store.read(queue, options),
    orphans: (queue: string, most: number) => store.orphans(queue, most),
    settle: async (settlement: Settlement) => {
      for (const { records } of settlement.remove ?? []) left -= records.length;
      await store.settle(settlement);
    },
  };
  const evictTo = (maxBytes: number) => evictUntil(counting, queues, { bytes: () => left, maxBytes });
  expect(await evictTo(7 * RECORDS - 1_000)).toBe(1_000);
  expect(await evictTo(7 * RECORDS - 1_001)).toBe(1_000);
  expect(await evictTo(6 * RECORDS)).toBe(2_000);
  expect([await store.size(queues.rejected), await store.size(queues.logs)]).toEqual([0, RECORDS]);
  expect(await evictTo(-1)).toBe(6 * RECORDS);
  expect(left).toBe(0);
});
