/** The system's files: complete writes and reads, private, and no descriptor left open. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { isOutOfRoom } from "../store-error.js";
import { realFiles } from "./files.js";

let folder: Awaited<ReturnType<typeof newFolder>>;
let path: string;
beforeEach(async () => {
  folder = await newFolder();
  path = join(folder.path, "file");
});
afterEach(() => folder.remove());

const openFiles = () => readdirSync("/proc/self/fd").length;

it("bytes are written and read at their positions, and a read ends with the file", async () => {
  const file = realFiles.create(path);
  file.writeNow(Buffer.from("0123456789"), 0);
  file.writeNow(Buffer.from("ab"), 4);
  await file.write(Buffer.from("yz"), 9);
  file.writeNow(Buffer.alloc(0), 3);
  await file.sync();
  expect([readFileSync(path, "utf8"), file.size()]).toEqual(["0123ab678yz", 11]);
  const buffer = Buffer.alloc(20, "-");
  expect(await file.read(buffer, 5)).toBe(6);
  expect(buffer.toString()).toBe(`b678yz${"-".repeat(14)}`);
  expect([await file.read(buffer, 11), await file.read(Buffer.alloc(0), 0)]).toEqual([0, 0]);
  expect(await file.read(buffer.subarray(0, 3), 1)).toBe(3);
  expect(buffer.toString("utf8", 0, 4)).toBe("1238");
  file.truncate(2);
  expect(readFileSync(path, "utf8")).toBe("01");
  file.close();
  const emptied = realFiles.create(path);
  expect([emptied.size(), statSync(path).mode & 0o777]).toEqual([0, 0o600]);
  emptied.close();
  const reading = realFiles.openForReading(path);
  expect(() => reading.writeNow(Buffer.from("x"), 0)).toThrow("EBADF");
  reading.close();
  expect(() => realFiles.openForReading(join(folder.path, "none"))).toThrow("ENOENT");
});

it.runIf(process.platform === "linux")(
  "a write of which the system takes only a part fails with its reason, and the part is in its place",
  async () => {
    const file = realFiles.create(path);
    const bytes = Buffer.from(Array.from({ length: 6_000 }, (_, index) => index % 251));
    const limit = (soft: string) => spawnSync("prlimit", ["--pid", `${process.pid}`, `--fsize=${soft}:`]);
    if (limit("4096").status !== 0) return;
    const failures: unknown[] = [];
    try {
      try {
        file.writeNow(bytes, 1_000);
      } catch (error) {
        failures.push(error);
      }
      file.truncate(0);
      await file.write(bytes, 1_000).catch((error: unknown) => failures.push(error));
    } finally {
      limit("unlimited");
    }
    expect(failures.map(isOutOfRoom)).toEqual([true, true]);
    expect(readFileSync(path).subarray(1_000).equals(bytes.subarray(0, 3_096))).toBe(true);
    file.close();
  },
);

it.runIf(process.platform === "linux")("names and lengths are changed, and leave no file open", async () => {
  const before = openFiles();
  writeFileSync(path, "content");
  const other = join(folder.path, "other");
  writeFileSync(other, "replaced");
  await realFiles.rename(path, other);
  expect(openFiles()).toBe(before);
  expect(await realFiles.list(folder.path)).toEqual(["other"]);
  await realFiles.shorten(other, 4);
  expect(openFiles()).toBe(before);
  expect(`${await realFiles.readWhole(other)}`).toBe("cont");
  await realFiles.syncFolder(folder.path);
  expect(openFiles()).toBe(before);
  await expect(realFiles.syncFolder(join(folder.path, "none"))).rejects.toThrow("ENOENT");
  await expect(realFiles.shorten(join(folder.path, "none"), 0)).rejects.toThrow("ENOENT");
  await expect(realFiles.rename(path, other)).rejects.toThrow("ENOENT");
  await mkdir(join(folder.path, "sub/folder"), { recursive: true });
  for (const name of ["sub", "other", "none"]) await realFiles.remove(join(folder.path, name));
  expect(await realFiles.list(folder.path)).toEqual([]);
  expect(openFiles()).toBe(before);
});

it("the space is that of the folder's file system, in bytes", () => {
  const { stdout } = spawnSync("df", ["--output=size,avail", "-B1", folder.path], { encoding: "utf8" });
  const [size = 0, available = 0] = (stdout.split("\n")[1] ?? "").trim().split(/\s+/).map(Number);
  const { total, free } = realFiles.space(folder.path);
  if (size > 0) expect(total / size).toBeCloseTo(1, 1);
  // Others write to it meanwhile.
  if (available > 2 ** 30) expect(free / available).toBeCloseTo(1, 1);
});
