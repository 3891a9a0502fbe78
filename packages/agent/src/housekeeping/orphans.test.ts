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
  const { rawMetrics, rejected, ...sent } = names;
  const queues = Object.values(sent);
  expect(queues).toHaveLength(5);
  await store.write([...queues, rejected].map(value));
  const orphans = new Orphans(store, names);
  await orphans.remove(NOW);
  // Its id may still come.
  expect(await store.orphans(names.logs, 10)).toHaveLength(1);
  await store.write([{ queue: names.logs, id: "late", value: "2" }]);
  await orphans.remove(NOW);
  for (const queue of [names.readyMetrics, names.events, names.checks, names.sketches, rejected])
    expect(await store.orphans(queue, 10)).toEqual([]);
  expect((await store.orphans(names.logs, 10)).map(({ id }) => id)).toEqual(["late"]);
  const letters = await store.read(names.rejected, { limit: 10 });
  const decoded = letters.map(({ value = "" }) => decodeRejected(value));
  expect(new Set(decoded.map((letter) => letter?.queue))).toEqual(new Set(queues));
  expect(decoded.map((letter) => letter?.value)).toEqual(queues.map(() => "alone"));
  expect(await store.counters()).toEqual(
    new Map([
      ...queues.map((queue): [string, number] => [`${queue}:rejected`, 1]),
      [`${rejected}:accepted`, 5],
      [`${rejected}:expired`, 1],
    ]),
  );
});

it("of large orphans, a page leaves in each run", async () => {
  const { logs, rejected } = names;
  const orphans = Array.from({ length: 5 }, (_, n) => ({
    queue: logs,
    id: `${n}`,
    value: "x".repeat(900_000),
  }));
  await store.write(orphans);
  const removal = new Orphans(store, names);
  const left: [hasRemoved: boolean, left: number][] = [];
  for (let run = 0; run < 5; run++) left.push([await removal.remove(NOW), await store.valueCount(logs)]);
  expect(left).toEqual([
    [false, 5],
    [true, 3],
    [true, 1],
    [true, 0],
    [false, 0],
  ]);
  expect(await store.size(rejected)).toBe(5);
});
