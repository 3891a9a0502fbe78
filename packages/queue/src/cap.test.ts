import { milliseconds } from "@chouette-iot/record";
import { afterEach, beforeEach, expect, it } from "vitest";
import { newFolder } from "../../../tests/support/folders.js";
import { makeRoom } from "./cap.js";
import { LmdbStore } from "./lmdb/lmdb-store.js";
import { queueNames } from "./names.js";

const queues = queueNames();
const RECORDS = 4_000;

let folder: Awaited<ReturnType<typeof newFolder>>;
let store: LmdbStore;
beforeEach(async () => {
  folder = await newFolder();
  store = new LmdbStore({ directory: folder.path, commitInterval: milliseconds(0) });
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
  expect(await makeRoom(store, queues, whole)).toBe(0);
  expect(await makeRoom(store, queues, whole * 0.4)).toBeGreaterThan(2 * RECORDS);
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
