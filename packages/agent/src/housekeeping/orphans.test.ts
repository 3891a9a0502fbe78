import { type QueueWrite, queueNames } from "@chouette-iot/queue";
import { type EmbeddedStore, openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { decodeRejected, seconds } from "@chouette-iot/record";
import { afterEach, beforeEach, expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { Orphans } from "./orphans.js";

const names = queueNames();
const NOW = seconds(1_000_000);
let folder: Awaited<ReturnType<typeof newFolder>>;
let store: EmbeddedStore;
beforeEach(async () => {
  folder = await newFolder();
  ({ store } = await openEmbeddedStore({ folder: folder.path }));
});
afterEach(async () => {
  await store.close();
  await folder.remove();
});

it("no orphan stays in any queue: it becomes a dead letter, or expires among them", async () => {
  const value = (queue: string): QueueWrite => ({ queue, id: "orphan", value: "alone" });
  await store.write([value(names.readyMetrics), value(names.logs), value(names.rejected)]);
  const orphans = new Orphans(store, names);
  await orphans.remove(NOW);
  // Its id may still come.
  expect(await store.orphans(names.logs, 10)).toHaveLength(1);
  await store.write([{ queue: names.logs, id: "late", value: "2" }]);
  await orphans.remove(NOW);
  for (const queue of [names.readyMetrics, names.rejected])
    expect(await store.orphans(queue, 10)).toEqual([]);
  expect((await store.orphans(names.logs, 10)).map(({ id }) => id)).toEqual(["late"]);
  const letters = await store.read(names.rejected, { limit: 10 });
  const decoded = letters.map(({ value = "" }) => decodeRejected(value));
  expect(new Set(decoded.map((letter) => letter?.queue))).toEqual(new Set([names.readyMetrics, names.logs]));
  expect(decoded.map((letter) => letter?.value)).toEqual(["alone", "alone"]);
  expect(await store.counters()).toEqual(
    new Map([
      [`${names.logs}:rejected`, 1],
      [`${names.readyMetrics}:rejected`, 1],
      [`${names.rejected}:accepted`, 2],
      [`${names.rejected}:expired`, 1],
    ]),
  );
});
