import { mkdir, readdir } from "node:fs/promises";
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
