/** A run has every record that was written to it, at its place and by its id, and loses only what damage hits. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { PowerDisk } from "../../../../tests/support/power-disk.js";
import { seededRandom } from "../../../../tests/support/random.js";
import { comparePositions } from "../order.js";
import { BlockCache } from "./block-cache.js";
import type { StoreFile } from "./files.js";
import { fileSeed, framesIn } from "./frame.js";
import { hashId, IdFilter } from "./id-filter.js";
import { IdTable, idTable } from "./id-table.js";
import { openRun } from "./open-run.js";
import { inRun, placeOf, type Run } from "./run.js";
import { BLOCK_BYTES, INDEX_SEQUENCE } from "./run-format.js";
import { RunWriter } from "./run-writer.js";

const ID = 5;
const PATH = "/data/run";
const HEAD = { run: ID, queue: "q", lowest: 3, replaces: [1, 2] };
const COUNT = 600;

interface Written {
  readonly score: number;
  readonly id: string;
  readonly value: string | undefined;
}

/** About seven blocks, several records with each score, of which some have no value. */
const RECORDS: readonly Written[] = Array.from({ length: COUNT }, (_, n) => ({
  score: Math.floor(n / 3),
  id: `id-${`${n}`.padStart(4, "0")}`,
  value: n % 50 === 7 ? undefined : `${n}`.padEnd(100 + (n % 7) * 100),
}));

async function write(disk: PowerDisk, records: readonly Written[]): Promise<RunWriter> {
  const writer = new RunWriter(disk, PATH, HEAD);
  for (const [ordinal, record] of records.entries()) {
    expect(writer.add(record)).toBe(ordinal);
    if (ordinal % 100 === 0) await writer.flush();
  }
  await writer.finish();
  return writer;
}

async function open(disk: PowerDisk): Promise<{ readonly run: Run; readonly isDamaged: boolean }> {
  const opened = await openRun(disk, PATH, ID, new BlockCache());
  if (opened === undefined) throw new Error("it can't be opened");
  return opened;
}

async function newRun(records = RECORDS): Promise<{ readonly disk: PowerDisk; readonly run: Run }> {
  const disk = new PowerDisk();
  await write(disk, records);
  return { disk, run: (await open(disk)).run };
}

/** Every record, or each one in so many, through each way to it. */
async function expectAll(
  run: Run,
  records: readonly Written[],
  isThere = (_ordinal: number) => true,
  step = 3,
) {
  const found: unknown[] = [];
  const expected: unknown[] = [];
  for (let ordinal = 0; ordinal < records.length; ordinal += step) {
    const record = records[ordinal];
    if (record === undefined) continue;
    const { score, id } = record;
    found.push(await run.find(id));
    expected.push(isThere(ordinal) ? { ...record, ordinal, place: placeOf(ID, ordinal) } : undefined);
    if (!isThere(ordinal)) continue;
    found.push(await run.positionOf(ordinal), await run.ordinalOf(record), run.covers(record));
    expected.push({ score, id }, ordinal, true);
  }
  expect(found).toEqual(expected);
}

it("every record is found by its id, its position and its ordinal, and no other", async () => {
  const { disk, run } = await newRun();
  expect(await openRun(disk, PATH, ID, new BlockCache())).toMatchObject({
    head: { ...HEAD, version: 1 },
    isDamaged: false,
  });
  expect(run.parts).toMatchObject({ count: COUNT, queue: "q", path: PATH, run: ID });
  expect(run.size).toBe(COUNT);
  await expectAll(run, RECORDS, () => true, 1);
  const hashes = run.takeHashes();
  expect([...(hashes ?? [])].sort()).toEqual(RECORDS.map(({ id }) => hashId(id)).sort());
  expect(run.takeHashes()).toBeUndefined();
  for (const nobody of ["", "id", "id-0600", "id-00000"]) expect(await run.find(nobody)).toBeUndefined();
  for (const { score, id } of RECORDS.slice(0, 50)) {
    expect(await run.ordinalOf({ score, id: `${id}x` })).toBeUndefined();
    expect(await run.ordinalOf({ score: score + 0.5, id })).toBeUndefined();
  }
  expect(await run.positionOf(COUNT)).toBeUndefined();
  expect(run.covers({ score: -1, id: "id-0000" })).toBe(false);
  expect(run.covers({ score: 0, id: "id" })).toBe(false);
  expect(run.covers({ score: COUNT / 3 - 1, id: "id-0600" })).toBe(false);
  expect(run.covers({ score: 7, id: "between" })).toBe(true);
});

it("its blocks have about the size that one read takes, and consecutive records", async () => {
  const { run } = await newRun();
  const { blocks, last, bytes } = run.parts;
  expect(blocks.length).toBeGreaterThan(5);
  let ordinal = 0;
  for (const { firstOrdinal, count, at, length, score, id } of blocks) {
    expect(firstOrdinal).toBe(ordinal);
    expect({ score, id }).toMatchObject({ score: RECORDS[ordinal]?.score, id: RECORDS[ordinal]?.id });
    expect(length).toBeLessThan(BLOCK_BYTES + 2_000);
    if (ordinal + count < COUNT) expect(length).toBeGreaterThanOrEqual(BLOCK_BYTES);
    expect(at + length).toBeLessThan(bytes);
    ordinal += count;
  }
  expect(ordinal).toBe(COUNT);
  expect(comparePositions(last, { score: COUNT / 3 - 1, id: "id-0599" })).toBe(0);
});

it("removed records are found no more, and leave the others as they are", async () => {
  const { run } = await newRun();
  const isThere = (ordinal: number) => ordinal % 3 !== 0 && (ordinal < 200 || ordinal > 300);
  for (let ordinal = 0; ordinal < COUNT; ordinal++) if (!isThere(ordinal)) run.removed.add(ordinal);
  const left = RECORDS.filter((_, ordinal) => isThere(ordinal)).length;
  expect(run.size).toBe(left);
  expect(run.liveBytes).toBeCloseTo((run.parts.bytes * left) / COUNT);
  await expectAll(run, RECORDS, isThere);
  for (let ordinal = 0; ordinal < COUNT; ordinal++) run.removed.add(ordinal);
  expect([run.size, run.liveBytes, run.covers({ score: 7, id: "id-0021" })]).toEqual([0, 0, false]);
  const { run: empty } = await newRun([]);
  expect([empty.size, empty.liveBytes, empty.covers({ score: 0, id: "" })]).toEqual([0, 0, false]);
});

it("reading ahead takes one read for several blocks, and no block is read twice", async () => {
  const { disk } = await newRun();
  let reads = 0;
  const counting = Object.assign(Object.create(disk) as PowerDisk, {
    openForReading: (path: string) => {
      const file = disk.openForReading(path);
      return {
        ...file,
        read: (buffer: Buffer, at: number) => {
          reads += 1;
          return file.read(buffer, at);
        },
      };
    },
  });
  const { run } = await open(counting);
  reads = 0;
  const { blocks } = run.parts;
  for (const [index, { count, firstOrdinal }] of blocks.entries()) {
    expect(await run.loadAhead(index)).toMatchObject({ count, firstOrdinal });
  }
  expect(reads).toBe(Math.ceil(blocks.length / 4));
  for (const index of blocks.keys()) {
    expect(run.cached(index)).toBeDefined();
    await run.load(index);
    await run.loadAhead(index);
  }
  expect(reads).toBe(Math.ceil(blocks.length / 4));
  run.close();
  expect(run.cached(0)).toBeUndefined();
  // Nothing is read from a file that may be another's by now, and nothing is reported as damaged.
  run.onDamage = () => expect.fail("it is closed, not damaged");
  expect((await run.load(0)).count).toBe(0);
  expect((await run.loadAhead(0)).count).toBe(0);
  expect(reads).toBe(Math.ceil(blocks.length / 4));
});

it("a block that is damaged after the start costs its records alone, which are reported", async () => {
  const { disk } = await newRun();
  const { run } = await open(disk);
  const hit = run.parts.blocks[2];
  const bytes = disk.files().get(PATH);
  if (hit === undefined || bytes === undefined) throw new Error("there are not enough blocks");
  const at = hit.at + 100;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  const damaged: number[][] = [];
  run.onDamage = (ordinals) => damaged.push([...ordinals]);
  expect((await run.loadAhead(0)).count).toBe(run.parts.blocks[0]?.count);
  const ordinals = Array.from({ length: hit.count }, (_, offset) => hit.firstOrdinal + offset);
  expect((await run.load(2)).count).toBe(0);
  expect(damaged).toEqual([ordinals]);
  await expectAll(run, RECORDS, (ordinal) => !ordinals.includes(ordinal));
});

it("whatever byte is damaged before the start, it opens, and only the records of one block are missing", async () => {
  const { disk: whole, run: intact } = await newRun();
  const file = whole.files().get(PATH) ?? Buffer.of();
  const { blocks, count } = intact.parts;
  const ends = [...framesIn(file, fileSeed("run", ID), () => {})].map(({ sequence, start }) => [
    sequence,
    start,
  ]);
  const indexAt = ends.find(([sequence]) => sequence === INDEX_SEQUENCE)?.[1] ?? 0;
  const tail = file.length - 10;
  const lastBlock = blocks.at(-1);
  const afterBlocks = (lastBlock?.at ?? 0) + (lastBlock?.length ?? 0);
  const random = seededRandom(3);
  const places = [
    2,
    40,
    (blocks[1]?.at ?? 0) + 60,
    (lastBlock?.at ?? 0) + 1,
    afterBlocks + 9,
    indexAt + 30,
    tail,
  ];
  for (const at of [...places, ...Array.from({ length: 6 }, () => Math.floor(random() * file.length))]) {
    const bytes = Buffer.from(file);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const disk = new PowerDisk(new Map([[PATH, bytes]]));
    const { run, isDamaged } = await open(disk);
    const hit = blocks.find((block) => at >= block.at && at < block.at + block.length);
    // A damaged block is noticed when it is read.
    expect(isDamaged, `${at}`).toBe(at >= afterBlocks);
    expect(run.size).toBe(count);
    const isLost = (ordinal: number) =>
      hit !== undefined && ordinal >= hit.firstOrdinal && ordinal < hit.firstOrdinal + hit.count;
    await expectAll(run, RECORDS, (ordinal) => !isLost(ordinal), 11);

    // Without index and tail as well, what is in other blocks is still there.
    const cut = new PowerDisk(new Map([[PATH, bytes.subarray(0, afterBlocks)]]));
    const { run: rest, isDamaged: isCut } = await open(cut);
    expect(isCut).toBe(true);
    const isAtEnd = hit === lastBlock;
    expect(rest.size).toBe(count - (hit?.count ?? 0));
    expect(rest.parts.count).toBe(isAtEnd && hit !== undefined ? hit.firstOrdinal : count);
    await expectAll(rest, RECORDS, (ordinal) => !isLost(ordinal), 11);
  }
  const nothing = new PowerDisk(new Map([[PATH, file.subarray(0, 100)]]));
  expect((await openRun(nothing, PATH, ID, new BlockCache()))?.run.size ?? 0).toBe(0);
  expect(
    await openRun(new PowerDisk(new Map([[PATH, Buffer.of()]])), PATH, ID, new BlockCache()),
  ).toBeUndefined();
  // The same bytes as another run's file are none of its own.
  expect(await openRun(whole, PATH, ID + 1, new BlockCache())).toBeUndefined();
});

it("a run is written in large pieces, is on disk when it is finished, and its file is closed once", async () => {
  const disk = new PowerDisk();
  const calls: (string | number)[] = [];
  const recording = Object.assign(Object.create(disk) as PowerDisk, {
    create: (path: string): StoreFile => {
      const file = disk.create(path);
      return {
        ...file,
        write: async (bytes, at) => {
          calls.push(bytes.length);
          await file.write(bytes, at);
        },
        sync: async () => {
          await file.sync();
          calls.push("sync");
        },
        close: () => void calls.push("close"),
      };
    },
  });
  const records = Array.from({ length: 500 }, (_, n) => ({ score: n, id: `${n}`, value: "x".repeat(2_000) }));
  const writer = new RunWriter(recording, PATH, HEAD);
  for (const record of records) {
    writer.add(record);
    await writer.flush();
  }
  expect(calls.length).toBe(3);
  for (const length of calls) {
    expect(length).toBeGreaterThanOrEqual(256 * 1024);
    expect(length).toBeLessThan(256 * 1024 + 2 * BLOCK_BYTES);
  }
  await writer.finish();
  expect(calls.slice(-2)).toEqual(["sync", "close"]);
  writer.close();
  expect(calls.filter((call) => typeof call === "string")).toEqual(["sync", "close"]);
  const { run } = await open(disk);
  await expectAll(run, records, () => true, 50);
  const given = new RunWriter(recording, PATH, HEAD);
  given.close();
  given.close();
  expect(calls.filter((call) => call === "close").length).toBe(2);
});

it("places are numbers that no two records share", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31), fc.nat(2 ** 21 - 1), (run, ordinal) => {
      expect(inRun(placeOf(run, ordinal))).toEqual({ run, ordinal });
      expect(Number.isSafeInteger(placeOf(run, ordinal))).toBe(true);
    }),
  );
});

it("the table of ids finds all ordinals of a hash, however the hashes are distributed, with few reads", async () => {
  const random = seededRandom(1);
  const evenly = Array.from({ length: 5_000 }, () => Math.floor(random() * 2 ** 32));
  const skewed = Array.from({ length: 3_000 }, (_, n) => (n % 1_000 === 0 ? 2 ** 32 - 1 - n : n * 3));
  const low = Array.from({ length: 2_000 }, (_, n) => n >> 1);
  const high = Array.from({ length: 2_000 }, (_, n) => 2 ** 32 - 1 - (n >> 1));
  for (const hashes of [evenly, skewed, low, high, [7], [], evenly.slice(0, 257)]) {
    const table = Buffer.concat([Buffer.alloc(16, 1), idTable(hashes)]);
    let reads = 0;
    const disk = new PowerDisk(new Map([["/table", table]]));
    const file = disk.openForReading("/table");
    const source = {
      ...file,
      read: (buffer: Buffer, at: number) => {
        reads += 1;
        return file.read(buffer, at);
      },
    };
    const onDisk = new IdTable(source, 16, hashes.length);
    const inMemory = new IdTable(table, 16, hashes.length);
    const byHash = new Map<number, number[]>();
    for (const [ordinal, hash] of hashes.entries()) byHash.set(hash, [...(byHash.get(hash) ?? []), ordinal]);
    for (const [index, [hash, ordinals]] of [...byHash].entries()) {
      if (index % 37 !== 0 && index > 20) continue;
      expect(await inMemory.ordinalsOf(hash)).toEqual(ordinals);
      expect(await inMemory.ordinalsOf(hash ^ 1)).toEqual(byHash.get(hash ^ 1) ?? []);
      reads = 0;
      expect(await onDisk.ordinalsOf(hash)).toEqual(ordinals);
      expect(reads).toBeLessThanOrEqual(hashes === evenly ? 3 : 8);
    }
    const taken: number[] = [];
    await onDisk.eachHash((hash) => taken.push(hash));
    expect(taken).toEqual([...hashes].sort((a, b) => a - b));
  }
});

it("records whose ids have the same hash are found one by one, also across more of them than one read has", async () => {
  const same = Array.from({ length: 200 }, () => 12_345);
  const table = new IdTable(idTable([...Array(400).fill(1), ...same, ...Array(400).fill(99_999)]), 0, 1_000);
  expect(await table.ordinalsOf(12_345)).toEqual(Array.from({ length: 200 }, (_, n) => n + 400));
});

it("a filter has all its ids, and hardly any other", () => {
  const filter = new IdFilter(5_000);
  for (let n = 0; n < 5_000; n++) filter.add(hashId(`id-${n}`));
  const own = Array.from({ length: 5_000 }, (_, n) => hashId(`id-${n}`));
  expect(own.every((hash) => filter.mayHave(hash))).toBe(true);
  const wrong = Array.from({ length: 30_000 }, (_, n) => hashId(`other-${n}`)).filter((hash) =>
    filter.mayHave(hash),
  );
  expect(wrong.length).toBeLessThan(60);
  expect(new IdFilter(0).mayHave(7)).toBe(false);
});
