/** Removals always find room, and records are refused before they take it. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { until } from "../../../../tests/support/until.js";
import { StoreFullError } from "../store-error.js";
import { RESERVE } from "./file-names.js";
import { type FileSystem, realFiles } from "./files.js";
import { Room } from "./room.js";

const KIB = 1024;

let folder: Awaited<ReturnType<typeof newFolder>>;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(() => folder.remove());

/** A room on a file system of this size. */
function newRoom(total = 16 * 100 * KIB) {
  const disk = { free: total, created: 0, failure: "" };
  const reasons: (string | undefined)[] = [];
  const files: FileSystem = {
    ...realFiles,
    space: () => ({ total, free: disk.free }),
    create: (path) => {
      disk.created += 1;
      const file = realFiles.create(path);
      const write = async (bytes: Buffer, at: number) => {
        await file.write(disk.failure === "" ? bytes : bytes.subarray(0, 100), at);
        if (disk.failure !== "") throw Object.assign(new Error(disk.failure), { code: disk.failure });
      };
      return { ...file, write };
    },
  };
  return { disk, reasons, room: new Room(files, folder.path, (reason) => reasons.push(reason)) };
}

const path = () => join(folder.path, RESERVE);
const reserveOnDisk = () => statSync(path(), { throwIfNoEntry: false })?.size;

it.each([
  [16 * 100 * KIB, 100 * KIB],
  [200 * KIB, 64 * KIB],
  [100_000 * KIB, 1024 * KIB],
])("of a file system of %d bytes, the reserve takes %d", async (total, bytes) => {
  const { room } = newRoom(total);
  expect([room.isOpen, room.isFull, room.reserveBytes]).toEqual([false, false, 0]);
  expect(await room.admits()).toBe(true);
  expect([room.isOpen, room.isFull, room.reserveBytes, reserveOnDisk()]).toEqual([true, false, bytes, bytes]);
});

it("takes over the reserve of an earlier process, if it has the size that it should have", async () => {
  await newRoom().room.admits();
  const again = newRoom();
  expect(await again.room.admits()).toBe(true);
  expect([again.disk.created, again.room.isOpen]).toEqual([0, true]);
  const larger = newRoom(16 * 200 * KIB);
  expect(await larger.room.admits()).toBe(true);
  expect([larger.disk.created, reserveOnDisk()]).toEqual([1, 200 * KIB]);
});

it("refuses records while the reserve can't be made, of which it leaves nothing, and tries twice a second", async () => {
  const { room, disk, reasons } = newRoom();
  disk.failure = "ENOSPC";
  expect(await room.admits()).toBe(false);
  expect([room.isOpen, room.isFull, reserveOnDisk(), disk.created]).toEqual([false, true, undefined, 1]);
  expect(reasons).toEqual([`the disk of ${folder.path} is full`]);
  expect(room.error()).toBeInstanceOf(StoreFullError);
  disk.failure = "";
  const began = performance.now();
  expect(await room.admits()).toBe(false);
  expect(disk.created).toBe(1);
  await until("records to be accepted again", () => room.admits(), 5_000);
  expect(performance.now() - began).toBeGreaterThan(400);
  expect([disk.created, room.isFull, reserveOnDisk()]).toEqual([2, false, 100 * KIB]);
  expect(reasons).toEqual([`the disk of ${folder.path} is full`, undefined]);
});

it("the last byte taken is a full disk, though the reserve is there", async () => {
  const { room, disk } = newRoom();
  disk.free = 0;
  expect(await room.admits()).toBe(false);
  expect([room.isFull, room.isOpen, room.reserveBytes]).toEqual([true, false, 100 * KIB]);
});

it("a write that found no room is reported once, and causes no try right after it", async () => {
  const { room, reasons, disk } = newRoom();
  await room.admits();
  room.ranOut();
  room.ranOut();
  expect([room.isFull, room.isOpen, reasons.length]).toEqual([true, false, 1]);
  expect(await room.admits()).toBe(false);
  disk.free = 1;
  await until("records to be accepted again", () => room.admits(), 5_000);
  expect([reasons.at(-1), disk.created]).toEqual([undefined, 1]);
});

it("gives its reserve up for a removal, and accepts no record before it is there again", async () => {
  const { room } = newRoom();
  await room.admits();
  await room.giveUpReserve();
  expect([room.isFull, room.isOpen, room.reserveBytes, reserveOnDisk()]).toEqual([true, false, 0, undefined]);
  expect(await room.admits()).toBe(false);
});

it("an addition fits if a fourth of the reserve is left for removals, the reserve itself counted as free", async () => {
  const { room, disk } = newRoom();
  disk.free = 50 * KIB;
  expect([room.fits(25 * KIB), room.fits(25 * KIB + 1)]).toEqual([true, false]);
  await room.admits();
  expect([room.fits(125 * KIB), room.fits(125 * KIB + 1)]).toEqual([true, false]);
});
