/** Pages are those of one sorted list, wherever the records are; and runs are merged only if that saves reads. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { PowerDisk } from "../../../../tests/support/power-disk.js";
import { comparePositions } from "../order.js";
import { MAX_PAGE_BYTES, type Position } from "../store.js";
import { BlockCache } from "./block-cache.js";
import { IdFilter } from "./id-filter.js";
import { IdTable } from "./id-table.js";
import { chooseMerge, mergeRuns } from "./merge.js";
import { openRun } from "./open-run.js";
import { QueueContent } from "./queue-content.js";
import { readPage } from "./read-page.js";
import { Run } from "./run.js";
import { RunWriter } from "./run-writer.js";

const QUEUE = "q";

interface Given {
  readonly score: number;
  /** In memory, being written to a run, or in one of the runs. */
  readonly place: number;
  readonly isRemoved: boolean;
  readonly length: number;
}
const [IN_MEMORY, FROZEN, FIRST_RUN, PLACES] = [0, 1, 2, 6];

/** A queue of these records, the n-th with the id n, and those that are left in it in order. */
async function queueOf(given: readonly Given[]) {
  const disk = new PowerDisk();
  const queue = new QueueContent(QUEUE, () => {});
  const records = given.map(({ length, ...rest }, n) => ({
    ...rest,
    id: `${n}`,
    value: length === 0 ? undefined : "x".repeat(length),
  }));
  const at = (place: number) => records.filter((one) => one.place === place);
  queue.write({ queue: QUEUE, first: 1, records: at(FROZEN) });
  if (at(FROZEN).length > 0) queue.freeze(1_000);
  queue.write({ queue: QUEUE, first: 1_000, records: at(IN_MEMORY) });
  for (const place of [IN_MEMORY, FROZEN]) {
    const entries = at(place).flatMap(({ id, isRemoved }) => (isRemoved ? (queue.entry(id) ?? []) : []));
    queue.remove({ queue: QUEUE, numbers: [], entries, ordinals: new Map() });
  }
  const cache = new BlockCache();
  for (let place = FIRST_RUN; place < PLACES; place++) {
    const inRun = at(place).sort(comparePositions);
    if (inRun.length === 0) continue;
    const writer = new RunWriter(disk, `/${place}`, { run: place, queue: QUEUE, lowest: 1, replaces: [] });
    for (const record of inRun) writer.add(record);
    await writer.finish();
    const { run } = (await openRun(disk, `/${place}`, place, cache)) ?? {};
    if (run === undefined) throw new Error("it can't be opened");
    for (const [ordinal, { isRemoved }] of inRun.entries()) if (isRemoved) run.removed.add(ordinal);
    queue.takeRun(run, 0, []);
  }
  const left = records.filter(({ isRemoved }) => !isRemoved).sort(comparePositions);
  return { queue, left, disk };
}

const given = fc.record({
  score: fc.integer({ min: 0, max: 12 }),
  place: fc.integer({ min: 0, max: PLACES - 1 }),
  isRemoved: fc.boolean(),
  // Some so long that a run has several blocks.
  length: fc.constantFrom(0, 1, 20_000),
});
const stored = ({
  score,
  id,
  value,
}: {
  readonly score: number;
  readonly id: string;
  readonly value: string | undefined;
}) => ({
  ...{ score, id, value },
});

it("pages of any size are consecutive parts of the queue in order, from any position, up to any score", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(given, { maxLength: 40, size: "max" }),
      fc.integer({ min: 1, max: 7 }),
      fc.option(fc.integer({ min: 0, max: 13 }), { nil: undefined }),
      fc.option(fc.record({ score: fc.integer({ min: -1, max: 12 }), id: fc.nat(40).map(String) }), {
        nil: undefined,
      }),
      async (all, limit, before, start) => {
        const { queue, left } = await queueOf(all);
        const expected = left.filter(
          (one) =>
            (before === undefined || one.score < before) &&
            (start === undefined || comparePositions(one, start) > 0),
        );
        let after: Position | undefined = start;
        for (let read = 0; ; ) {
          const page = await readPage(queue, { after, before, limit });
          expect(page.map(stored)).toEqual(expected.slice(read, read + limit).map(stored));
          read += page.length;
          after = page.at(-1);
          if (after === undefined) break;
        }
        expect(queue.size).toBe(left.length);
      },
    ),
    { numRuns: 40 },
  );
});

it("a page has as many bytes as fit, and at least one record", async () => {
  const half = MAX_PAGE_BYTES / 2;
  const lengths = [half, half, 1, MAX_PAGE_BYTES, half + 1, half];
  const { queue } = await queueOf(
    lengths.map((length, score) => ({
      ...{ score, length },
      place: score % 2 === 0 ? IN_MEMORY : FIRST_RUN,
      isRemoved: false,
    })),
  );
  const pages: number[] = [];
  for (let after: Position | undefined; ; ) {
    const page = await readPage(queue, { after, limit: 100 });
    after = page.at(-1);
    if (after === undefined) break;
    pages.push(page.length);
  }
  expect(pages).toEqual([2, 1, 1, 1, 1]);
});

it("what is merged has every record once, in order, without those that left before or meanwhile", async () => {
  const all = Array.from({ length: 700 }, (_, n) => ({
    ...{ score: n % 37, place: FIRST_RUN + (n % 3), isRemoved: n % 11 === 0, length: 1 + (n % 5) * 300 },
  }));
  const { queue, left, disk } = await queueOf(all);
  const writer = new RunWriter(disk, "/9", { run: 9, queue: QUEUE, lowest: 0, replaces: [2, 3, 4] });
  let steps = 0;
  const leaving = left.filter((_, n) => n % 13 === 0);
  const leftSince = await mergeRuns(queue.runs, writer, async () => {
    steps += 1;
    if (steps !== 2) return;
    for (const { score, id } of leaving) {
      for (const run of queue.runs) {
        const ordinal = await run.ordinalOf({ score, id });
        if (ordinal !== undefined) run.removed.add(ordinal);
      }
    }
  });
  await writer.finish();
  expect(steps).toBeGreaterThan(3);
  const { run: merged } = (await openRun(disk, "/9", 9, new BlockCache())) ?? {};
  if (merged === undefined) throw new Error("it can't be opened");
  for (const ordinal of await leftSince(merged)) expect(merged.removed.add(ordinal)).toBe(true);
  const result = new QueueContent(QUEUE, () => {});
  result.takeRun(merged, 0, []);
  const page = await readPage(result, { limit: 1_000 });
  expect(page.map(stored)).toEqual(left.filter((one) => !leaving.includes(one)).map(stored));
  expect(merged.size).toBe(page.length);
});

const MIB = 1024 * 1024;

/** A run of ten records between these scores, of so many bytes. */
function runOf(id: number, [first, last]: readonly [number, number], bytes: number): Run {
  const [count, length] = [10, 100];
  const blocks = [{ at: 18, length, firstOrdinal: 0, count, score: first, id: "a" }];
  const file = new PowerDisk(new Map([["/run", Buffer.alloc(0)]])).openForReading("/run");
  const ids = new IdTable(Buffer.alloc(0), 0, 0);
  const parts = {
    run: id,
    queue: QUEUE,
    path: "/run",
    file,
    bytes,
    count,
    blocks,
    last: { score: last, id: "a" },
  };
  return new Run({ ...parts, filter: new IdFilter(1), ids }, new Uint32Array(), new BlockCache());
}

const idsOf = (runs: readonly Run[]) => runs.map(({ id }) => id);
const runs = (count: number, range: (n: number) => readonly [number, number], bytes: (n: number) => number) =>
  Array.from({ length: count }, (_, n) => runOf(n, range(n), bytes(n)));

it("runs that follow one another are left as they are, unless many of them are small", () => {
  const following = (n: number) => [n, n + 0.5] as const;
  expect(chooseMerge(runs(100, following, () => 2 * MIB))).toEqual([]);
  expect(chooseMerge(runs(100, following, () => MIB))).toEqual([]);
  expect(chooseMerge(runs(16, following, () => MIB - 1))).toEqual([]);
  const small = runs(18, following, (n) => (n === 5 ? MIB : MIB - 1));
  expect(idsOf(chooseMerge(small))).toEqual(idsOf(small).filter((id) => id !== 5));
  // Small is what is left of it.
  const large = runs(17, following, () => 2 * MIB);
  for (const run of large) for (let ordinal = 0; ordinal < 6; ordinal++) run.removed.add(ordinal);
  expect(chooseMerge(large).length).toBe(17);
});

it("more than six overlapping runs are merged, the smallest first, up to 64 MiB", () => {
  const overlapping = () => [0, 10] as const;
  expect(chooseMerge(runs(6, overlapping, () => 2 * MIB))).toEqual([]);
  expect(chooseMerge(runs(7, overlapping, () => 2 * MIB)).length).toBe(7);
  const sizes = [30, 1, 20, 2, 13, 40, 3];
  expect(idsOf(chooseMerge(runs(7, overlapping, (n) => (sizes[n] ?? 0) * MIB)))).toEqual([1, 3, 6, 4, 2]);
  expect(chooseMerge(runs(7, overlapping, (n) => (n === 0 ? 4 : 10) * MIB)).length).toBe(7);
  expect(chooseMerge(runs(7, overlapping, () => 10 * MIB)).length).toBe(6);
  // Two of them wouldn't fit into one.
  expect(chooseMerge(runs(7, overlapping, () => 40 * MIB))).toEqual([]);
  // Those that touch overlap, and those beside them don't.
  const touching = runs(
    9,
    (n) => (n < 7 ? [0, 5] : n === 7 ? [5, 9] : [5.1, 9]),
    () => 2 * MIB,
  );
  expect(idsOf(chooseMerge(touching))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});
