/** The embedded engine when it is killed between the steps of its upkeep, or repeatedly. */
import { pages } from "@chouette-iot/queue";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { milliseconds } from "@chouette-iot/record";
import { expect, it } from "vitest";
import { PowerDisk } from "../support/power-disk.js";
import { until } from "../support/until.js";
import { expectWhole, moveBatches } from "./batches.js";
import { QUEUE, record } from "./records.js";

/** So small that runs are constantly written and merged. */
const LIMITS = { segmentBytes: 20_000, memoryBytes: 20_000, segments: 3, carriedBytes: 5_000 };
/** Nothing is deleted before something is flushed to disk. */
const NEVER = milliseconds(600_000);
/** Turns of the event loop without a write after which it is idle: a disk operation takes two. */
const QUIET_TURNS = 200;
const RECORDS = 300;
const KILLS = 30;

const open = (disk: PowerDisk) =>
  openEmbeddedStore({ folder: "/data", files: disk, fsync: NEVER, boot: "1", limits: LIMITS });

async function quiet(disk: PowerDisk): Promise<void> {
  let serial = -1;
  while (serial !== disk.serial) {
    serial = disk.serial;
    for (let turn = 0; turn < QUIET_TURNS; turn++) await new Promise(setImmediate);
  }
}

/** The disk if the process is killed now: with all its writes. */
function afterKill(disk: PowerDisk): PowerDisk {
  return new PowerDisk(new Map([...disk.files()].map(([name, bytes]) => [name, Buffer.from(bytes)])));
}

const runsOn = async (disk: PowerDisk) =>
  (await disk.list("/data")).filter((name) => /^run-\d+$/.test(name)).sort();

it("keeps a merged run for as long as the journal names it, also when it is killed after reading its files", async () => {
  const filled = new PowerDisk();
  const { store } = await open(filled);
  for (let index = 0; index < RECORDS; index++)
    await store.append(QUEUE, [record(index, `id-${index}`, "x".repeat(2_000))]);
  await quiet(filled);
  const killed = afterKill(filled);
  const named = await runsOn(killed);
  const { store: recovered, losses } = await open(killed);
  await quiet(killed);
  expect(await runsOn(killed)).toEqual(named);
  expect(losses).toBeUndefined();

  const { store: again } = await open(afterKill(killed));
  expect(await again.size(QUEUE)).toBe(RECORDS);
  // They are deleted after the segments that named them.
  await recovered.append(QUEUE, [record(1, "another", "y")]);
  await recovered.close();
  expect((await runsOn(killed)).length).toBeLessThan(named.length);
  const { store: last } = await open(killed);
  expect(await last.size(QUEUE)).toBe(RECORDS + 1);
  await Promise.all([store, again, last].map((one) => one.close()));
});

it("deletes a run that it was killed before naming, and has its records once", async () => {
  const disk = new PowerDisk();
  const { store } = await open(disk);
  const fill = async (count: number) => {
    for (let index = 0; index < count; index++)
      await store.append(QUEUE, [record(index, `${await store.size(QUEUE)}`, "x".repeat(2_000))]);
    await quiet(disk);
  };
  await fill(30);
  const before = afterKill(disk);
  const named = await runsOn(before);
  await fill(30);
  const next = (await runsOn(disk)).find((name) => !named.includes(name)) ?? "";
  const path = `/data/${next}`;
  const killed = new PowerDisk(new Map([...before.files(), [path, disk.files().get(path) ?? Buffer.of()]]));
  expect(await runsOn(killed)).toContain(next);
  const { store: again, losses } = await open(killed);
  expect(await runsOn(killed)).toEqual(named);
  expect(losses).toBeUndefined();
  expect(await again.size(QUEUE)).toBe(30);
  await Promise.all([store.close(), again.close()]);
});

it("brings nothing back after an ordinary end, though the journal has what was in a run that is deleted", async () => {
  const disk = new PowerDisk();
  // All of it is in one segment.
  const limits = { ...LIMITS, segmentBytes: 10_000_000 };
  const options = { folder: "/data", files: disk, fsync: NEVER, boot: "1", limits };
  const { store } = await openEmbeddedStore(options);
  for (let index = 0; index < RECORDS; index++)
    await store.append(QUEUE, [record(index, `id-${index}`, "x".repeat(2_000))]);
  await quiet(disk);
  for await (const page of pages(store, QUEUE, { limit: 50 }))
    await store.settle({ remove: [{ queue: QUEUE, records: page }] });
  await store.close();
  const { store: again, losses } = await openEmbeddedStore(options);
  expect(await again.size(QUEUE)).toBe(0);
  expect(losses).toBeUndefined();
  await again.close();
});

interface Kill {
  readonly disk: PowerDisk;
  readonly appended: ReadonlySet<number>;
  readonly settled: ReadonlySet<number>;
}

/** Simulates a kill at each removal of a file. */
class DiskOfKills extends PowerDisk {
  readonly kills: Kill[] = [];
  readonly appended = new Set<number>();
  readonly settled = new Set<number>();

  override async remove(path: string): Promise<void> {
    await super.remove(path);
    const { appended, settled } = this;
    this.kills.push({ disk: afterKill(this), appended: new Set(appended), settled: new Set(settled) });
  }
}

it("brings nothing back that has left, and loses nothing, wherever it is killed while it deletes files", async () => {
  const disk = new DiskOfKills();
  const limits = { segmentBytes: 6_000, memoryBytes: 20_000, segments: 2, carriedBytes: 2_000 };
  const options = { folder: "/data", boot: "1", limits };
  const { store } = await openEmbeddedStore({ ...options, files: disk, fsync: "always" });
  const confirmed = {
    appended: (batch: number) => disk.appended.add(batch),
    settled: (batch: number) => disk.settled.add(batch),
  };
  moveBatches(store, 0, confirmed).catch(() => {});
  await until("many files to be deleted", () => disk.kills.length >= KILLS);
  await store.close();
  for (const { disk: killed, appended, settled } of disk.kills) {
    const { store: recovered, losses } = await openEmbeddedStore({ ...options, files: killed, fsync: NEVER });
    await expectWhole(recovered, appended, settled);
    expect(losses).toBeUndefined();
    await recovered.close();
  }
});
