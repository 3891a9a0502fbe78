/**
 * Reads a store's file through, as a process of its own: LMDB ends its process (SIGBUS, SIGSEGV, a failed
 * assertion) where a page of the file is not what it should be.
 *
 *   check <folder>          exits with 0 where every entry of every table can be read
 *   tables <folder>         writes the names of the tables, as one line of JSON
 *   first <folder> <table>  writes how many entries the table should have, then each, from the first on, as lines
 *                           of JSON, until it comes to one that is out of order
 *   last <folder> <table>   the same from the last back
 *
 * With `previous` as one more argument it reads the state before the last commit.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { compareKeys, type Database, type Key, open } from "lmdb";
import { FILE_NAME, MOST_TABLES, valueEncoding } from "./file-format.js";

const STDOUT = 1;
/** What is not yet written is lost where the process ends. */
const LINES_AT_ONCE = 20;

const [task, folder = "", ...rest] = process.argv.slice(2);
const usePreviousSnapshot = rest.at(-1) === "previous";
// LMDB opens the previous state for writing only.
const options = {
  path: join(folder, FILE_NAME),
  maxDbs: MOST_TABLES,
  readOnly: !usePreviousSnapshot,
  usePreviousSnapshot,
};
const root = open(options);

if (task === "check") process.exitCode = isWhole() ? 0 : 1;
else if (task === "tables") writeLines([JSON.stringify([...root.getKeys()])]);
else tell(tableOf(rest[0] ?? ""), task === "last");

function isWhole(): boolean {
  return [...root.getKeys()].every((name) => {
    const table = tableOf(String(name));
    let entries = 0;
    for (const _ of inOrder(table, false)) entries += 1;
    return entries === entriesOf(table);
  });
}

function tell(table: Database, reverse: boolean): void {
  writeLines([`${entriesOf(table)}`]);
  let lines: string[] = [];
  for (const [key, value] of inOrder(table, reverse)) {
    // A score may be infinite, which JSON has no number for.
    lines.push(JSON.stringify([Array.isArray(key) ? [String(key[0]), key[1]] : key, value]));
    if (lines.length < LINES_AT_ONCE) continue;
    writeLines(lines);
    lines = [];
  }
  writeLines(lines);
}

function* inOrder(table: Database, reverse: boolean): Generator<readonly [Key, unknown]> {
  let before: Key | undefined;
  for (const { key, value } of table.getRange({ reverse })) {
    if (before !== undefined && compareKeys(before, key) > 0 !== reverse) return;
    before = key;
    yield [key, value];
  }
}

function tableOf(name: string): Database {
  return root.openDB({ name, encoding: valueEncoding(name) });
}

function entriesOf(table: Database): number {
  return (table.getStats() as { entryCount: number }).entryCount;
}

function writeLines(lines: readonly string[]): void {
  if (lines.length > 0) writeSync(STDOUT, `${lines.join("\n")}\n`);
}
