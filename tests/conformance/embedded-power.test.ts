/**
 * The embedded engine after power cuts: a run's writes and flushes are recorded; afterwards, unflushed writes are there
 * in part, in any order, torn at sectors.
 */
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { describe, expect, it } from "vitest";
import { PowerDisk } from "../support/power-disk.js";
import { type Random, seededRandom } from "../support/random.js";
import { until } from "../support/until.js";
import { BATCH, expectWhole, moveBatches } from "./batches.js";
import { numbered, OTHER, QUEUE } from "./records.js";
import { readAll } from "./subject.js";

/** `CUTS=500` is a long test. */
const CUTS = Number(process.env.CUTS ?? 40);
const CUTS_A_DISK = 4;
const MAX_OPERATIONS = 200;
/** Number of concurrent movers of batches, each with its own numbers. */
const MOVERS = 3;
const NUMBERS_A_RUN = 10_000;

/** So small that segments are constantly started and deleted, and runs written and merged. */
const LIMITS = [
  { segmentBytes: 6_000, memoryBytes: 20_000, segments: 2, carriedBytes: 2_000 },
  { segmentBytes: 30_000, memoryBytes: 1_000_000, segments: 3, carriedBytes: 100_000 },
];

/** Numbers of batches, each with the disk's last write before it was confirmed. */
interface Confirmed {
  readonly appended: Map<number, number>;
  readonly settled: Map<number, number>;
}

const nothing = (): Confirmed => ({ appended: new Map(), settled: new Map() });

function open(disk: PowerDisk, fsync: "always" | number, boot: number, limits = LIMITS[0]) {
  const options = { folder: "/data", files: disk, fsync, boot: `${boot}`, limits: limits ?? {} };
  return openEmbeddedStore(options);
}

/** Moves batches until the power is cut. */
async function moveUntilCut(
  disk: PowerDisk,
  fsync: "always" | number,
  {
    random,
    boot,
    confirmed,
    limits,
  }: {
    readonly random: Random;
    readonly boot: number;
    readonly confirmed: Confirmed;
    readonly limits: (typeof LIMITS)[number] | undefined;
  },
) {
  const { store } = await open(disk, fsync, boot, limits);
  disk.cutAfter(1 + Math.floor(random() * MAX_OPERATIONS));
  for (let mover = 0; mover < MOVERS; mover++) {
    const first = (boot * MOVERS + mover) * NUMBERS_A_RUN;
    moveBatches(store, first, {
      appended: (batch) => confirmed.appended.set(batch, disk.serial),
      settled: (batch) => confirmed.settled.set(batch, disk.serial),
    }).catch(() => {});
  }
  await disk.cut;
}

describe("after a power cut", () => {
  it(`what was confirmed is there, whole and once, ${CUTS} times, if each write is flushed`, async () => {
    for (let run = 0; run < CUTS / CUTS_A_DISK; run++) {
      const random = seededRandom(run);
      const limits = LIMITS[run % LIMITS.length];
      const confirmed = nothing();
      let disk = new PowerDisk();
      for (let boot = 0; boot < CUTS_A_DISK; boot++) {
        await moveUntilCut(disk, "always", { random, boot, confirmed, limits });
        disk = disk.afterCut(random);
        const { store, losses } = await open(disk, "always", boot + 0.5, limits);
        await expectWhole(store, new Set(confirmed.appended.keys()), new Set(confirmed.settled.keys()));
        expect(losses?.lost.size ?? 0).toBe(0);
        await store.close();
      }
    }
  }, 900_000);

  it(`what was flushed is there, ${CUTS} times, and the rest is reported as an unknown loss`, async () => {
    let lost = 0;
    for (let run = 0; run < CUTS; run++) {
      const random = seededRandom(run);
      const limits = LIMITS[run % LIMITS.length];
      const disk = new PowerDisk();
      const confirmed = nothing();
      await moveUntilCut(disk, 2, { random, boot: 0, confirmed, limits });
      const through = disk.flushedThrough();
      const flushed = {
        appended: [...confirmed.appended].filter(([, serial]) => serial <= through),
        settled: [...confirmed.settled].filter(([, serial]) => serial <= through),
      };
      const { store, losses } = await open(disk.afterCut(random), 2, 1, limits);
      await expectFlushed(await readAll(store, QUEUE), await readAll(store, OTHER), flushed);
      // Before the first flush, the disk may have nothing.
      if (flushed.appended.length > 0) expect(losses).toMatchObject({ isUnknown: true, isPowerLost: true });
      if (confirmed.appended.size > flushed.appended.length) lost += 1;
      await store.close();
    }
    // The test would prove nothing if everything had been flushed each time.
    expect(lost).toBeGreaterThan(CUTS / 10);
  }, 900_000);
});

/** Checks that each flushed batch is complete, in one queue or the other, and ready if its settlement was flushed. */
async function expectFlushed(
  raw: readonly { readonly score: number }[],
  ready: readonly { readonly score: number }[],
  {
    appended,
    settled,
  }: {
    readonly appended: readonly (readonly [number, number])[];
    readonly settled: readonly (readonly [number, number])[];
  },
): Promise<void> {
  const waiting = new Map<number, number>();
  for (const { score } of raw) waiting.set(score, (waiting.get(score) ?? 0) + 1);
  expect([...waiting.values()].filter((size) => size !== BATCH)).toEqual([]);
  const isReady = new Set(ready.map(({ score }) => score));
  expect(appended.filter(([batch]) => !waiting.has(batch) && !isReady.has(batch))).toEqual([]);
  expect(settled.filter(([batch]) => !isReady.has(batch))).toEqual([]);
}

describe("after a flush that failed", () => {
  it("what it dropped is written again, and is there after a power cut", async () => {
    const disk = new PowerDisk();
    const troubles: unknown[] = [];
    const onTrouble = (error: unknown) => troubles.push(error);
    const { store } = await openEmbeddedStore({
      folder: "/data",
      files: disk,
      fsync: 2,
      boot: "1",
      onTrouble,
    });
    await store.append(QUEUE, numbered(100));
    await until("a flush", () => disk.flushedThrough() === disk.serial);
    disk.failingFlushes = 1;
    await store.append(QUEUE, numbered(50, { from: 100 }));
    await store.settle({ remove: [{ queue: QUEUE, records: numbered(30), counter: "gone" }] });
    await until("the failure", () => troubles.length > 0);
    const isGone = () => !disk.files().has("/data/journal-0000000001");
    await until("what is in doubt to be replaced", () => isGone() && disk.flushedThrough() === disk.serial);
    const options = { folder: "/data", files: disk.afterCut(seededRandom(1)), fsync: 2, boot: "2" };
    const { store: after } = await openEmbeddedStore(options);
    expect(await readAll(after, QUEUE)).toEqual(numbered(120, { from: 30 }));
    expect((await after.counters()).get("gone")).toBe(30);
    await after.close();
    await store.close();
  });
});
