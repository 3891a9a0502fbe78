import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cleanUpsAfterEach } from "../../../../tests/support/clean-ups.js";
import { newFolder } from "../../../../tests/support/folders.js";
import { lockFolder } from "./folder-lock.js";

const cleanUps = cleanUpsAfterEach();

it.each([
  ["short", "folders"],
  // A path that is cut off would be the same for both.
  ["longer than a socket's path can be", "x".repeat(120)],
])("one process at a time has the lock of a folder, and each of two folders has its own, if paths are %s", async (_, parent) => {
  const { path, remove } = await newFolder();
  cleanUps.push(remove);
  const folders = [join(path, parent, "first"), join(path, parent, "second")];
  for (const folder of folders) await mkdir(folder, { recursive: true });
  for (let round = 0; round < 2; round++) {
    const locks = await Promise.all(folders.map(lockFolder));
    for (const folder of folders)
      await expect(lockFolder(folder)).rejects.toThrow(`another process has the store in ${folder} open`);
    for (const lock of locks) await lock.release();
    for (const folder of folders) expect(await readdir(folder)).toEqual([]);
  }
});

it("an error names the folder", async () => {
  const folder = `/nowhere/${"x".repeat(120)}`;
  await expect(lockFolder(folder)).rejects.toThrow(folder);
});

async function emptyFolder(): Promise<string> {
  const { path, remove } = await newFolder();
  cleanUps.push(remove);
  return path;
}

it("it waits a moment for one that is just exiting", async () => {
  const folder = await emptyFolder();
  const first = await lockFolder(folder);
  const waiting = lockFolder(folder);
  await new Promise((resolve) => setTimeout(resolve, 30));
  await first.release();
  const second = await waiting;
  expect((await readdir(folder)).length).toBe(1);
  await second.release();
});

it("what a dead process has left is removed, and other files aren't", async () => {
  const folder = await emptyFolder();
  // The socket of a process that was killed refuses connections, as this file does.
  await writeFile(join(folder, ".lock-dead"), "");
  await writeFile(join(folder, "journal-1"), "");
  const lock = await lockFolder(folder);
  const left = await readdir(folder);
  expect([left.length, left.includes(".lock-dead"), left.includes("journal-1")]).toEqual([2, false, true]);
  await lock.release();
});

it("of many that come together, no two get it", async () => {
  const folder = await emptyFolder();
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => lockFolder(folder)));
  const winners = outcomes.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  expect(winners.length).toBeLessThanOrEqual(1);
  expect((await readdir(folder)).length).toBe(winners.length);
  for (const winner of winners) await winner.release();
});
