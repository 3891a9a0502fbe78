/**
 * Imports the store of version 0.1.0: `chouette.mdb`, an LMDB file.
 *
 * All that can be read is stored in the new files; missing records are counted. After a crash halfway, the old file is still
 * there and the next start imports it again: storing a record twice changes nothing. Records that a slow disk can't read
 * before the deadline count as missing, so that the agent starts.
 */
import { closeSync, openSync } from "node:fs";
import type { QueueWrite } from "../broker-store.js";
import { type LmdbEntry, LmdbFile, type LmdbTable } from "./lmdb-file.js";
import { readPosition, readText } from "./lmdb-key.js";

export const LMDB_NAME = "chouette.mdb";

const STATE = "notes";
const COUNTERS = "counters";
const RECORDS = "records:";
const STRAYS = "strays:";
/** Number of records that are stored in one step. */
const BATCH = 1_000;

export interface ImportOptions {
  /** Stores these records in one atomic step. */
  write(writes: readonly QueueWrite[]): Promise<void>;
  /** When reading stops, by `performance.now()`. */
  readonly deadline: number;
  /** Called after each batch with the fraction that is done, from 0 to 1. */
  onProgress(done: number): void;
}

export interface Imported {
  readonly records: number;
  /** By queue, the number of records that should be there and can't be read. */
  readonly lost: Map<string, number>;
  readonly state: ReadonlyMap<string, string>;
  readonly counters: ReadonlyMap<string, number>;
  /** Whether the file is so damaged that the number of lost records is unknown. */
  readonly isUnknown: boolean;
}

/** Reads the file and writes its records. Rejects if `write` does, or the file can't be opened. */
export async function importLmdb(
  path: string,
  { write, deadline, onProgress }: ImportOptions,
): Promise<Imported> {
  const file = openSync(path, "r");
  try {
    const lmdb = new LmdbFile(file, deadline);
    const tables = lmdb.tables();
    const all = tables.reduce((sum, { entries }) => sum + entries, 0);
    let passed = 0;
    const store = async (batch: readonly QueueWrite[]) => {
      await write(batch);
      passed += batch.length;
      onProgress(Math.min(1, passed / all));
    };
    const lost = new Map<string, number>();
    const state = new Map<string, string>();
    const counters = new Map<string, number>();
    let records = 0;
    // The agent's state first: without it, late records would count as a window's first.
    for (const table of tables.toSorted((a, b) => rank(a) - rank(b))) {
      const entries = lmdb.entries(table);
      if (table.name === STATE) readState(entries, state);
      else if (table.name === COUNTERS) readCounters(entries, counters);
      else {
        const queue = table.name.replace(/^(records|strays):/, "");
        if (queue === table.name || !isQueueName(queue)) continue;
        const toWrite = table.name.startsWith(STRAYS) ? orphanOf : recordOf;
        const read = await writeAll(entries, (entry) => toWrite(queue, entry), store);
        if (!table.name.startsWith(RECORDS)) continue;
        records += read;
        if (read < table.entries) lost.set(queue, table.entries - read);
      }
    }
    return { records, lost, state, counters, isUnknown: tables.length === 0 };
  } finally {
    closeSync(file);
  }
}

async function writeAll(
  entries: Iterable<LmdbEntry>,
  toWrite: (entry: LmdbEntry) => QueueWrite | undefined,
  write: (writes: readonly QueueWrite[]) => Promise<void>,
): Promise<number> {
  let count = 0;
  let batch: QueueWrite[] = [];
  for (const entry of entries) {
    const record = toWrite(entry);
    if (record === undefined) continue;
    count += 1;
    batch.push(record);
    if (batch.length < BATCH) continue;
    await write(batch);
    batch = [];
  }
  await write(batch);
  return count;
}

function rank({ name }: LmdbTable): number {
  return name === STATE || name === COUNTERS ? 0 : 1;
}

/** An id that was stored alone has an empty value there. */
function recordOf(queue: string, { key, value }: LmdbEntry): QueueWrite | undefined {
  const position = readPosition(key);
  if (position === undefined) return undefined;
  return { queue, ...position, value: value.length === 0 ? undefined : value.toString("utf8") };
}

function orphanOf(queue: string, { key, value }: LmdbEntry): QueueWrite | undefined {
  const id = readText(key);
  return id === undefined ? undefined : { queue, id, value: value.toString("utf8") };
}

function readState(entries: Iterable<LmdbEntry>, state: Map<string, string>): void {
  for (const { key, value } of entries) {
    const name = readText(key);
    if (name !== undefined) state.set(name, value.toString("utf8"));
  }
}

function readCounters(entries: Iterable<LmdbEntry>, counters: Map<string, number>): void {
  for (const { key, value } of entries) {
    const name = readText(key);
    const count = Number(value.toString("utf8"));
    if (name !== undefined && Number.isSafeInteger(count)) counters.set(name, count);
  }
}

/** Whether it can be a queue's name: a damaged one has other characters. */
function isQueueName(name: string): boolean {
  return /^[\x20-\x7e]+$/.test(name);
}
