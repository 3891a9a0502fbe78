/** The embedded engine that is killed again and again: reading its files anew takes no more memory each time. */
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { milliseconds } from "@chouette-iot/record";
import { expect, it } from "vitest";
import { PowerDisk } from "../support/power-disk.js";
import { QUEUE, record } from "./records.js";

/** So small that runs are written and merged all the time. */
const LIMITS = { segmentBytes: 20_000, memoryBytes: 20_000, segments: 3, carriedBytes: 5_000 };
/** Nothing is deleted before something is flushed to disk. */
const NEVER = milliseconds(600_000);
/** Turns of the event loop without a write, after which nothing is under way: an operation of the disk takes two. */
const QUIET_TURNS = 200;
const RECORDS = 300;

const open = (disk: PowerDisk) =>
  openEmbeddedStore({ folder: "/data", files: disk, fsync: NEVER, boot: "1", limits: LIMITS });

async function quiet(disk: PowerDisk): Promise<void> {
  let serial = -1;
  while (serial !== disk.serial) {
    serial = disk.serial;
    for (let turn = 0; turn < QUIET_TURNS; turn++) await new Promise(setImmediate);
  }
}

/** The disk as it is if the process is killed now: all that it wrote is there. */
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
  // Once the segments have gone that named them, they go, too.
  await recovered.append(QUEUE, [record(1, "another", "y")]);
  await recovered.close();
  expect((await runsOn(killed)).length).toBeLessThan(named.length);
  const { store: last } = await open(killed);
  expect(await last.size(QUEUE)).toBe(RECORDS + 1);
  await Promise.all([store, again, last].map((one) => one.close()));
});
