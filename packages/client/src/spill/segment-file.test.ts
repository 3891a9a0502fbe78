import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { isStillAt, makeFolder, moveAway, removeFile, usableBytes } from "./segment-file.js";

let folder: Awaited<ReturnType<typeof newFolder>>;
let path: string;

beforeEach(async () => {
  folder = await newFolder();
  path = join(folder.path, "file");
});
afterEach(() => folder.remove());

test("an open file is at its path until it is moved, even if another one comes there", () => {
  const file = openSync(path, "a");
  expect(isStillAt(path, file)).toBe(true);
  renameSync(path, `${path}.moved`);
  expect(isStillAt(path, file)).toBe(false);
  writeFileSync(path, "another");
  expect(isStillAt(path, file)).toBe(false);
  expect(isStillAt(`${path}.moved`, file)).toBe(true);
  closeSync(file);
});

test("only a file that is there is usable", () => {
  expect(usableBytes(path)).toBeUndefined();
  writeFileSync(path, "12345");
  expect(usableBytes(path)).toBe(5);
  expect(usableBytes(folder.path)).toBeUndefined();
});

test("a file is removed if it is there, moved away if it can be", () => {
  writeFileSync(path, "12345");
  removeFile(path);
  expect(existsSync(path)).toBe(false);
  removeFile(path);
  expect(moveAway(path)).toBeUndefined();
  writeFileSync(path, "12345");
  expect(moveAway(path)).toBe(`${path}.unreadable`);
  expect(readFileSync(`${path}.unreadable`, "utf8")).toBe("12345");
});

test("a folder is made with its parents, and a file in the way is an error", () => {
  const deep = join(folder.path, "a", "b", "c");
  makeFolder(deep);
  makeFolder(deep);
  mkdirSync(join(deep, "d"));
  writeFileSync(path, "");
  expect(() => makeFolder(join(path, "below"))).toThrow("ENOTDIR");
});
