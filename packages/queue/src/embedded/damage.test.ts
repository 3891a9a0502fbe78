/** Whatever is damaged or missing: the store starts, has each record at most once, and reports what is lost. */
import { basename } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { PowerDisk } from "../../../../tests/support/power-disk.js";
import { until } from "../../../../tests/support/until.js";
import { counterName, unknownLossCounter } from "../disposition.js";
import { ByteWriter } from "./bytes.js";
import { numberOf } from "./file-names.js";
import { type Frame, fileSeed, framesIn, writeFrame } from "./frame.js";
import { openEmbeddedStore } from "./open-embedded-store.js";
import type { Fsync } from "./syncer.js";

const QUEUE = "q";
const OTHER = "other";
/** So small that a few hundred records fill several segments and runs. */
const LIMITS = { segmentBytes: 5_000, memoryBytes: 8_000, segments: 3, carriedBytes: 2_000 };

type Files = ReadonlyMap<string, Buffer>;

interface Filled {
  /** As they are if the process is killed. */
  readonly files: Files;
  /** Ids of the records that are there, and of those that were settled. */
  readonly there: ReadonlySet<string>;
  readonly settled: ReadonlySet<string>;
}

const isOf = (kind: "run" | "journal", path: string) => numberOf(kind, basename(path)) !== undefined;
const copyOf = (files: Iterable<readonly [string, Buffer]>): Map<string, Buffer> =>
  new Map([...files].map(([name, bytes]) => [name, Buffer.from(bytes)]));

const NEVER = 600_000;

const open = (disk: PowerDisk, boot = "b", fsync: Fsync = NEVER) =>
  openEmbeddedStore({ folder: "/data", files: disk, fsync, boot, limits: LIMITS });

/** @param fsync "always" to have files deleted once their records have left, and NEVER to have all of them */
async function fill(fsync: Fsync): Promise<Filled> {
  const disk = new PowerDisk();
  const { store } = await open(disk, "b", fsync);
  const there = new Set<string>();
  const settled = new Set<string>();
  for (let n = 0; n < 60; n++) {
    const records = [0, 1].map((part) => ({
      score: n,
      id: `${n}-${part}`,
      value: "x".repeat(150 + (n % 5) * 40),
    }));
    await store.append(QUEUE, records);
    for (const { id } of records) there.add(id);
    if (n % 3 === 2) {
      const leaving = (await store.read(QUEUE, { limit: 3 })).slice(1);
      const ready = { score: n, id: `ready-${n}`, value: "y".repeat(100) };
      await store.settle({
        remove: [{ queue: QUEUE, records: leaving, counter: "left" }],
        add: [{ queue: OTHER, records: [ready] }],
        state: new Map([["last", `${n}`]]),
      });
      for (const { id } of leaving) {
        settled.add(id);
        there.delete(id);
      }
    }
  }
  await until("runs", () => store.disk().runs > 1);
  for (let serial = -1; serial !== disk.serial; ) {
    serial = disk.serial;
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  }
  const files = copyOf(disk.files());
  await store.close();
  return { files, there, settled };
}

async function idsIn(store: Awaited<ReturnType<typeof open>>["store"], queue = QUEUE): Promise<string[]> {
  const ids: string[] = [];
  for (let after: { readonly score: number; readonly id: string } | undefined; ; ) {
    const page = await store.read(queue, { ...(after === undefined ? {} : { after }), limit: 100 });
    after = page.at(-1);
    if (after === undefined) return ids;
    ids.push(...page.map(({ id }) => id));
  }
}

/** Opens damaged files, checks what is promised of any damage, and opens them again. @returns what was reported */
async function expectHonest({ there, settled }: Filled, disk: PowerDisk, boot = "b") {
  const { store, losses } = await open(disk, boot);
  const ids = await idsIn(store);
  const counters = await store.counters();
  const size = await store.size(QUEUE);
  await store.close();
  expect(new Set(ids).size, "each is there once").toBe(ids.length);
  const strangers = ids.filter((id) => !there.has(id));
  expect(strangers.filter((id) => !settled.has(id))).toEqual([]);
  const missing = [...there].filter((id) => !ids.includes(id)).length;
  const lost = counters.get(counterName(QUEUE, "damaged")) ?? 0;
  const isUnknown = losses?.isUnknown === true;
  // A block of a run turns out to be damaged when it is read.
  if (!isUnknown) expect([lost, strangers]).toEqual([missing, []]);
  expect(size).toBe(ids.length);
  expect(counters.get(unknownLossCounter(QUEUE)) ?? 0).toBe(isUnknown && ids.length + lost > 0 ? 1 : 0);
  const again = await open(disk, boot);
  expect(again.losses, "it is reported once").toBeUndefined();
  expect(await idsIn(again.store)).toEqual(ids);
  expect(await again.store.counters()).toEqual(counters);
  await again.store.close();
  return { losses, ids, missing, lost, strangers };
}

let filled: Filled;
let unflushed: Filled;
beforeAll(async () => {
  filled = await fill("always");
  unflushed = await fill(NEVER);
});

const journalOf = (files: Files) => [...files.keys()].filter((path) => isOf("journal", path)).sort();
const runsOf = (files: Files) => [...files.keys()].filter((path) => isOf("run", path)).sort();

function framesOf(path: string, bytes: Buffer): readonly Frame[] {
  return [...framesIn(bytes, fileSeed("journal", numberOf("journal", basename(path)) ?? 0), () => {})];
}

it("nothing is lost if nothing is damaged", async () => {
  for (const each of [filled, unflushed]) {
    const { losses, missing, strangers } = await expectHonest(each, new PowerDisk(copyOf(each.files)));
    expect([losses, missing, strangers]).toEqual([undefined, 0, []]);
    expect(runsOf(each.files).length).toBeGreaterThan(1);
  }
  expect(journalOf(filled.files).length).toBeGreaterThan(1);
  expect(journalOf(filled.files)).not.toContain("/data/journal-0000000001");
  expect(journalOf(unflushed.files).length).toBeGreaterThan(6);
});

describe("a damaged frame", () => {
  it("costs what it has alone, which is counted or unknown, wherever it is", async () => {
    let counted = 0;
    for (const [each, step] of [
      [filled, 2],
      [unflushed, 7],
    ] as const) {
      for (const path of journalOf(each.files)) {
        const frames = framesOf(path, each.files.get(path) ?? Buffer.of());
        for (const [index, { start, end }] of frames.entries()) {
          if (index % step !== 0) continue;
          const files = copyOf(each.files);
          files.get(path)?.fill(0, start + 20, Math.min(end, start + 24));
          const { losses, missing, lost } = await expectHonest(each, new PowerDisk(files));
          expect(losses?.damagedBytes, path).toBeGreaterThanOrEqual(end - start);
          expect(losses?.isPowerLost).toBe(false);
          expect(missing, path).toBeLessThanOrEqual(2);
          counted += lost;
        }
      }
    }
    expect(counted).toBeGreaterThan(0);
  });

  it("may never have been on disk, if the power was cut: what follows it is left out as well", async () => {
    const path = journalOf(unflushed.files).at(-1) ?? "";
    const frames = framesOf(path, unflushed.files.get(path) ?? Buffer.of());
    const { start = 0, end = 0 } = frames.at(-3) ?? {};
    const files = copyOf(unflushed.files);
    files.get(path)?.fill(0, start, end);
    const disk = new PowerDisk(files);
    const { losses } = await expectHonest(unflushed, disk, "the next boot");
    expect(losses).toMatchObject({ isUnknown: true, isPowerLost: true });
  });

  it("that was on disk before the power was cut ends nothing: what follows it is there", async () => {
    const [path = ""] = journalOf(filled.files);
    const frames = framesOf(path, filled.files.get(path) ?? Buffer.of());
    const { start = 0, end = 0 } = frames.at(-2) ?? {};
    const files = copyOf(filled.files);
    files.get(path)?.fill(0, start, end);
    const { missing } = await expectHonest(filled, new PowerDisk(files), "the next boot");
    expect(missing).toBeLessThanOrEqual(2);
  });

  it("of an impossible content, though its checksum is right, costs no other", async () => {
    const path = journalOf(filled.files).at(-1) ?? "";
    const files = copyOf(filled.files);
    const bytes = files.get(path) ?? Buffer.of();
    const seed = fileSeed("journal", numberOf("journal", basename(path)) ?? 0);
    const { start = 0, sequence = 0, body = Buffer.of() } = framesOf(path, bytes).at(-2) ?? {};
    const writer = new ByteWriter();
    writeFrame(writer, { sequence, seed: seed + start }, (into) => into.raw(Buffer.alloc(body.length, 200)));
    writer.bytes.copy(bytes, start);
    const { losses, missing } = await expectHonest(filled, new PowerDisk(files));
    expect(losses?.damagedBytes).toBe(writer.length);
    expect(missing).toBeLessThanOrEqual(2);
  });
});

describe("a file", () => {
  /** After it nothing tells what it had. */
  const isLast = (path: string) => path === journalOf(filled.files).at(-1);

  it("of the journal that is gone costs what it had alone", async () => {
    for (const each of [filled, unflushed]) {
      // Without the last segment, the journal ends like that of a process that was killed before it began it.
      for (const [index, path] of journalOf(each.files).slice(0, -1).entries()) {
        if (index > 2 && index % 3 !== 0) continue;
        const files = copyOf(each.files);
        files.delete(path);
        const { ids } = await expectHonest(each, new PowerDisk(files));
        expect(ids.length, path).toBeGreaterThan(each.there.size / 4);
      }
    }
  });

  it("that the disk can't read is moved away, and costs what it has alone", async () => {
    for (const path of [...journalOf(filled.files), ...runsOf(filled.files)]) {
      class BadDisk extends PowerDisk {
        override openForReading(opened: string) {
          if (opened === path) throw new Error("EIO");
          return super.openForReading(opened);
        }
        override async readWhole(whole: string): Promise<Buffer> {
          if (whole === path) throw new Error("EIO");
          return super.readWhole(whole);
        }
      }
      const disk = new BadDisk(copyOf(filled.files));
      const { ids, losses } = await expectHonest(filled, disk);
      expect(losses, path).toMatchObject(isLast(path) ? { isUnknown: true } : { isPowerLost: false });
      const to = `${losses?.movedTo}/${basename(path)}`;
      const moved = disk.files().get(to) ?? Buffer.of();
      expect(moved.equals(filled.files.get(path) ?? Buffer.of()), path).toBe(true);
      expect(disk.files().has(path)).toBe(false);
      expect(ids.length).toBeGreaterThan(filled.there.size / 4);
    }
  });

  it("of zeros is moved away, and so is one of other bytes", async () => {
    for (const path of [...journalOf(filled.files), ...runsOf(filled.files)]) {
      const files = copyOf(filled.files);
      const number = Number(path.slice(-1));
      files.get(path)?.fill(number % 2 === 0 ? 0 : 7);
      const disk = new PowerDisk(files);
      const { losses } = await expectHonest(filled, disk);
      expect(losses, path).toMatchObject(isLast(path) ? { isUnknown: true } : { isPowerLost: false });
      expect([...disk.files().keys()].some((name) => name.includes("damaged-"))).toBe(true);
    }
  });
});

describe("without the journal", () => {
  it("runs are taken as they are, and what else there was is unknown", async () => {
    const files = copyOf([...filled.files].filter(([path]) => isOf("run", path)));
    const { ids, losses } = await expectHonest(filled, new PowerDisk(files));
    expect(losses).toMatchObject({ isUnknown: true, isPowerLost: false });
    expect(ids.length).toBeGreaterThan(20);
  });

  it("a merged run and those that it replaced are one, whichever of them are there", async () => {
    // A merged run is named, and its parts are deleted at the next flush: never.
    const disk = new PowerDisk();
    const limits = { memoryBytes: 2_000, segments: 1_000 };
    const options = { folder: "/data", files: disk, boot: "b", limits, fsync: 600_000 };
    const { store } = await openEmbeddedStore(options);
    const there = new Set<string>();
    for (let n = 0; n < 17; n++) {
      const before = store.disk().runs;
      const records = [0, 1, 2].map((part) => ({ score: n, id: `${n}-${part}`, value: "x".repeat(600) }));
      for (const { id } of records) there.add(id);
      await store.append(QUEUE, records);
      await until("a run", () => store.disk().runs !== before);
    }
    await until("a merged run", () => store.disk().runs === 1);
    const runs = new Map([...copyOf(disk.files())].filter(([path]) => isOf("run", path)));
    await store.close();
    const merged = [...runs.keys()].sort().at(-1) ?? "";
    expect(runs.size).toBe(18);
    const expectAll = async (files: Files, expected = there.size) => {
      const left = new PowerDisk(copyOf(files));
      const { ids } = await expectHonest({ files, there, settled: new Set() }, left);
      expect(ids.length).toBe(expected);
      return [...left.files().keys()].filter((path) => isOf("run", path)).length;
    };
    // Its parts are there: it was never in use.
    expect(await expectAll(runs)).toBe(17);
    const [first = "", second = ""] = [...runs.keys()].sort();
    const withoutFirst = new Map([...runs].filter(([path]) => path !== first));
    await expectAll(withoutFirst);
    await expectAll(new Map([...runs].filter(([path]) => path === merged)));
    await expectAll(new Map([...runs].filter(([path]) => path !== merged)));
    await expectAll(new Map([...runs].filter(([path]) => path === merged || path === second)));
  });
});

it("a disk that can't flush at the start costs nothing that it can read", async () => {
  const disk = new PowerDisk(copyOf(filled.files));
  disk.failingFlushes = 1;
  const { store, losses } = await open(disk);
  expect(losses).toBeUndefined();
  expect(await store.size(QUEUE)).toBe(filled.there.size);
  await store.close();
});
