/**
 * A store's file that may be damaged: whether it is, and what can be read of it.
 *
 * Every look is taken by another process ({@link read-through.ts}), which may end in any way.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { FILE_NAME } from "./file-format.js";

/** What the build makes of `read-through.ts`, seen from the sources and from the build alike. */
const READER = fileURLToPath(new URL("../../dist/lmdb/read-through.js", import.meta.url));

/** One entry of a table as it was written: `[score as text, id]` or a name, and its value. */
export type Entry = readonly [key: string | readonly [score: string, id: string], value: string | number];

/** From which of its last two commits, and how, a damaged file lets itself be read. */
const WAYS = [[], ["previous"]] as const;

/** Of a meta page in LMDB's source (`MDB_page_header` of 24 bytes, then `MDB_meta`), as bytes from the page's start. */
const MAGIC_AT = 24;
const PAGE_SIZE_AT = 48;
const LAST_PAGE_AT = 144;
const MAGIC = 0xbeefc0de;
const LARGEST_PAGE = 65_536;
const PAGE_SIZES: readonly number[] = [4_096, 8_192, 16_384, 32_768, LARGEST_PAGE];

export async function isWhole(directory: string): Promise<boolean> {
  return (await run(["check", directory], () => {})) === 0;
}

/**
 * Hands every entry that can be read to `take`, by table; an entry may come twice.
 *
 * @returns by table, how many entries there should be, as far as that can be read
 */
export async function readWhatCanBe(
  directory: string,
  take: (table: string, entry: Entry) => Promise<void>,
): Promise<ReadonlyMap<string, number>> {
  makeReadable(join(directory, FILE_NAME));
  for (const way of WAYS) {
    let tables: readonly string[] = [];
    await run(["tables", directory, ...way], (line) => {
      tables = JSON.parse(line) as string[];
    });
    const entries = new Map<string, number>();
    for (const table of tables) entries.set(table, await readTable([directory, table, ...way], take));
    if (tables.length > 0) return entries;
  }
  return new Map();
}

/** From the first entry on, and where that ends too early from the last one back. */
async function readTable(
  [directory = "", table = "", ...way]: readonly string[],
  take: (table: string, entry: Entry) => Promise<void>,
): Promise<number> {
  let expected = 0;
  let came = 0;
  const takeLine = (line: string) => {
    const read = JSON.parse(line) as number | Entry;
    if (typeof read === "number") {
      expected = read;
      return undefined;
    }
    came += 1;
    return take(table, read);
  };
  await run(["first", directory, table, ...way], takeLine);
  if (came < expected) await run(["last", directory, table, ...way], takeLine);
  return expected;
}

/** Lines are taken one after the other; one that was cut by the process's end is not valid JSON and is left out. */
async function run(args: readonly string[], take: (line: string) => Promise<void> | void) {
  const child = spawn(process.execPath, [READER, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(signal ?? code ?? 1));
  });
  // Heard below, once all it wrote is taken.
  ended.catch(() => {});
  for await (const line of createInterface({ input: child.stdout })) {
    try {
      JSON.parse(line);
    } catch {
      continue;
    }
    await take(line);
  }
  return ended;
}

/**
 * A file that was cut gets its length back, in zeros. One without one of its first two pages, the meta pages, gets
 * a copy of the other: they differ by one commit.
 */
function makeReadable(path: string): void {
  const file = openSync(path, "r+");
  try {
    const head = Buffer.alloc(2 * LARGEST_PAGE);
    readSync(file, head, 0, head.length, 0);
    const isMeta = (at: number) => head.readUInt32LE(at + MAGIC_AT) === MAGIC;
    const pageSize = isMeta(0) ? head.readUInt32LE(PAGE_SIZE_AT) : PAGE_SIZES.find(isMeta);
    if (pageSize === undefined || !PAGE_SIZES.includes(pageSize)) return;
    const [whole, other] = isMeta(0) ? [0, pageSize] : [pageSize, 0];
    if (!isMeta(other)) {
      head.copy(head, other, whole, whole + pageSize);
      head.writeBigUInt64LE(BigInt(other / pageSize), other);
      writeSync(file, head, other, pageSize, other);
    }
    const pages = Number(head.readBigUInt64LE(LAST_PAGE_AT)) + 1;
    if (pages * pageSize > statSync(path).size) truncateSync(path, pages * pageSize);
  } finally {
    closeSync(file);
  }
}
