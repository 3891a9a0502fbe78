import { afterEach, beforeEach, expect, it } from "vitest";
import { newFolder } from "../../../tests/support/folders.js";
import { type EmbeddedStore, openEmbeddedStore } from "./embedded/open-store.js";
import { evictUntil } from "./evict.js";
import { queueNames } from "./names.js";

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
  expect(await evictUntil(store, queues, whole)).toBe(0);
  expect(await evictUntil(store, queues, whole * 0.4)).toBeGreaterThan(2 * RECORDS);
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
      [`${queues.rawMetrics}:displaced`, RECORDS - left],
    ]),
  );
});

it("evicts values without a time before anything that can be used, and counts a record that is settled meanwhile once", async () => {
  for (let n = 0; n < 30; n++)
    await store.write([{ queue: queues.readyMetrics, id: `orphan-${n}`, value: "x".repeat(100_000) }]);
  const whole = store.bytes();
  const settled = store.read(queues.rejected, { limit: 500 });
  const [evicted] = await Promise.all([
    evictUntil(store, queues, whole - 3_050_000),
    settled.then((records) =>
      store.settle({ remove: [{ queue: queues.rejected, records, counter: "settled" }] }),
    ),
  ]);
  expect(await store.strays(queues.readyMetrics, 10)).toEqual([]);
  expect(evicted).toBeGreaterThanOrEqual(30);
  expect(await store.size(queues.logs)).toBe(RECORDS);
  const counters = await store.counters();
  const left = (counters.get(`${queues.rejected}:displaced`) ?? 0) + (counters.get("settled") ?? 0);
  expect(left).toBe(RECORDS - (await store.size(queues.rejected)));
  expect(counters.get(`${queues.readyMetrics}:displaced`)).toBe(30);
});
