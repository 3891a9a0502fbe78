/** What a call concerns: each record once, wherever it is, with as few reads as possible. */
import { beforeAll, expect, it } from "vitest";
import { PowerDisk } from "../../../../tests/support/power-disk.js";
import { BlockCache } from "./block-cache.js";
import { openRun } from "./open-run.js";
import { QueueContent } from "./queue-content.js";
import { findRecords, mayBeInRuns, resolveWrites } from "./resolve.js";
import { placeOf } from "./run.js";
import { RunWriter } from "./run-writer.js";

const QUEUE = "q";
const FIRST = 3;
const SECOND = 8;
const COUNT = 300;

interface Stored {
  readonly score: number;
  readonly id: string;
  readonly value: string;
}

/** Two runs of which the second begins within the first. */
const first: readonly Stored[] = Array.from({ length: COUNT }, (_, n) => ({
  ...{ score: n, id: `first-${n}`, value: "x".repeat(400) },
}));
const second: readonly Stored[] = Array.from({ length: COUNT }, (_, n) => ({
  ...{ score: n + 200.5, id: `second-${n}`, value: "y".repeat(400) },
}));

const disk = new PowerDisk();
beforeAll(async () => {
  for (const [run, records] of [
    [FIRST, first],
    [SECOND, second],
  ] as const) {
    const writer = new RunWriter(disk, `/${run}`, { run, queue: QUEUE, lowest: 1, replaces: [] });
    for (const record of records) writer.add(record);
    await writer.finish();
  }
});

/** A queue of these runs, and a record "late" in memory; counts reads of the disk. */
async function newQueue() {
  const reads = { count: 0 };
  const counting = Object.assign(Object.create(disk) as PowerDisk, {
    openForReading: (path: string) => {
      const file = disk.openForReading(path);
      return {
        ...file,
        read: (buffer: Buffer, at: number) => {
          reads.count += 1;
          return file.read(buffer, at);
        },
      };
    },
  });
  const queue = new QueueContent(QUEUE, () => {});
  const cache = new BlockCache();
  for (const run of [FIRST, SECOND]) {
    const opened = await openRun(counting, `/${run}`, run, cache);
    if (opened !== undefined) queue.takeRun(opened.run, 0, []);
  }
  queue.write({ queue: QUEUE, first: 1_000, records: [{ score: 5, id: "late", value: "z" }] });
  reads.count = 0;
  const blocks = queue.runs.map((run) => run.parts.blocks.length);
  return { queue, reads, blocks };
}

const ordinals = (removal: { readonly ordinals: ReadonlyMap<number, readonly number[]> }) =>
  Object.fromEntries([...removal.ordinals].map(([run, of]) => [run, [...of]]));
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, n) => from + n);

it("records that were read are removed by their places, without another read", async () => {
  const { queue, reads } = await newQueue();
  const read = [
    ...first.slice(0, 50).map((one, n) => ({ ...one, place: placeOf(FIRST, n) })),
    ...second.slice(7, 9).map((one, n) => ({ ...one, place: placeOf(SECOND, n + 7) })),
    { score: 5, id: "late", place: undefined },
    ...first.slice(48, 52).map((one, n) => ({ ...one, place: placeOf(FIRST, n + 48) })),
  ];
  const { removal, count } = await findRecords(queue, read);
  expect([count, ordinals(removal), removal.numbers, removal.queue]).toEqual([
    55,
    { [FIRST]: upTo(52), [SECOND]: [7, 8] },
    [1_000],
    QUEUE,
  ]);
  expect(removal.entries?.map(({ id }) => id)).toEqual(["late"]);
  expect(reads.count).toBe(0);
});

it("a place that isn't valid any more is no other record's: it is looked for by its position", async () => {
  const { queue } = await newQueue();
  const { score, id } = second[4] ?? { score: 0, id: "" };
  for (const place of [placeOf(77, 4), placeOf(FIRST, COUNT), placeOf(SECOND, COUNT + 5), undefined]) {
    const { removal, count } = await findRecords(queue, [{ score, id, place }]);
    expect([count, ordinals(removal)]).toEqual([1, { [SECOND]: [4] }]);
  }
  // It was removed there, and stored again.
  queue.runs[0]?.removed.add(9);
  queue.write({ queue: QUEUE, first: 1_001, records: [{ score: 9, id: "first-9", value: "again" }] });
  const again = await findRecords(queue, [{ score: 9, id: "first-9", place: placeOf(FIRST, 9) }]);
  expect([again.count, again.removal.numbers, ordinals(again.removal)]).toEqual([1, [1_001], {}]);
});

it("records are found by their positions in any order, each block is read once, and none is found twice", async () => {
  const { queue, reads, blocks } = await newQueue();
  const inOrder = await findRecords(queue, [...first, ...second]);
  expect([inOrder.count, ordinals(inOrder.removal)]).toEqual([
    2 * COUNT,
    { [FIRST]: upTo(COUNT), [SECOND]: upTo(COUNT) },
  ]);
  const total = (blocks[0] ?? 0) + (blocks[1] ?? 0);
  expect(total).toBeGreaterThan(6);
  expect(reads.count).toBeLessThanOrEqual(total);
  const backwards = await findRecords(queue, [...first, ...second, ...first].reverse());
  expect(backwards.count).toBe(2 * COUNT);
  expect(new Set(ordinals(backwards.removal)[FIRST])).toEqual(new Set(upTo(COUNT)));
  const nobody = [
    { score: 5, id: "first-6" },
    { score: 6.5, id: "first-6" },
    { score: 1e9, id: "first-6" },
    { score: -1, id: "" },
    { score: 6, id: "late" },
  ];
  const none = await findRecords(queue, nobody);
  expect([none.count, none.removal.numbers, ordinals(none.removal)]).toEqual([0, [], {}]);
  for (const ordinal of [0, 1, 299]) queue.runs[0]?.removed.add(ordinal);
  const left = await findRecords(queue, [...first, { score: -0, id: "first-0" }]);
  expect([left.count, ordinals(left.removal)]).toEqual([COUNT - 3, { [FIRST]: upTo(COUNT - 3, 2) }]);
});

it("as in Redis, 0 and -0 are the same score, in memory and in a run", async () => {
  const { queue } = await newQueue();
  queue.write({ queue: QUEUE, first: 5, records: [{ score: -0, id: "zero", value: "" }] });
  const zeros = [
    { score: -0, id: "first-0" },
    { score: 0, id: "zero" },
    { score: -0, id: "zero" },
  ];
  const { removal, count } = await findRecords(queue, zeros);
  expect([count, removal.numbers, ordinals(removal)]).toEqual([2, [5], { [FIRST]: [0] }]);
});

it("an id that is in a run is replaced there, with what the write leaves out", async () => {
  const { queue } = await newQueue();
  const value = "x".repeat(400);
  const { records, removal } = await resolveWrites(queue, [
    { id: "new", score: 1, value: "1" },
    { id: "first-1", score: 1_000 },
    { id: "first-2", value: "only a value" },
    { id: "first-3", score: 3 },
    { id: "first-0", score: -0 },
    { id: "second-4", score: 204.5, value: "the same time" },
    // The second write of a call is one of a record in memory.
    { id: "first-2", score: 7 },
    { id: "late", score: 9 },
  ]);
  expect(records).toEqual([
    { id: "new", score: 1, value: "1" },
    { id: "first-1", score: 1_000, value },
    { id: "first-2", score: 2, value: "only a value" },
    { id: "second-4", score: 204.5, value: "the same time" },
    { id: "first-2", score: 7 },
    { id: "late", score: 9 },
  ]);
  expect([ordinals(removal), removal.numbers, removal.queue]).toEqual([
    { [FIRST]: [1, 2], [SECOND]: [4] },
    [],
    QUEUE,
  ]);
});

it("new ids are recognised without a read, and so are those in memory", async () => {
  const { queue, reads } = await newQueue();
  const fresh = upTo(300).map((n) => ({ id: `fresh-${n}`, score: n, value: "" }));
  // A filter may be wrong for one of many.
  expect(fresh.filter((one) => mayBeInRuns(queue, [one])).length).toBeLessThan(5);
  expect(mayBeInRuns(queue, [{ id: "late" }])).toBe(false);
  expect(mayBeInRuns(queue, [...fresh.slice(0, 3), { id: "second-299" }])).toBe(true);
  expect(reads.count).toBe(0);
  const empty = new QueueContent(QUEUE, () => {});
  expect(mayBeInRuns(empty, [{ id: "first-1" }])).toBe(false);
  expect(await resolveWrites(empty, fresh)).toMatchObject({
    records: fresh,
    removal: { queue: QUEUE, numbers: [] },
  });
});
