/**
 * A change of the store: what one frame of the journal says.
 *
 * It says what became of the store, not what was asked for: a removal names the records that it found. So the journal
 * can be replayed from any of its segments on, and what a damaged frame said is missing and changes nothing else. The
 * parts of a change apply in the order of its fields.
 */
import { ByteReader, type ByteWriter, MalformedBytes } from "./bytes.js";
import type { Entry } from "./memory-table.js";
import { readNumbers, writeNumbers } from "./number-sets.js";

export interface Change {
  /** So many sequence numbers before this frame's were given to writes that failed. */
  readonly unused?: number;
  /** The frames up to this sequence number were on disk. */
  readonly flushedThrough?: number;
  /** How many records each of these queues held before this change. */
  readonly sizes?: ReadonlyMap<string, number>;
  readonly runs?: readonly RunChange[];
  readonly removals?: readonly QueueRemoval[];
  readonly orphanRemovals?: readonly { readonly queue: string; readonly ids: readonly string[] }[];
  readonly writes?: readonly QueueWrites[];
  /** Texts by key; undefined for one that is deleted. */
  readonly state?: ReadonlyMap<string, string | undefined> | undefined;
  /** Values of counters, whatever they were before. */
  readonly counters?: ReadonlyMap<string, number>;
  /** By how much counters rise. */
  readonly increments?: ReadonlyMap<string, number>;
  readonly mark?: Mark | undefined;
}

/** Records that leave a queue. */
export interface QueueRemoval {
  readonly queue: string;
  /** Of records in memory, by their numbers. */
  readonly numbers: readonly number[];
  /** The same records, if they are at hand. */
  readonly entries?: readonly Entry[];
  /** Of records in runs: by run, their ordinals there. */
  readonly ordinals: ReadonlyMap<number, readonly number[]>;
}

export interface QueueWrites {
  readonly queue: string;
  /** The number of the first of these records; the others' follow. */
  readonly first: number;
  readonly records: readonly Written[];
}

/** An id with its score, its value, or both. */
export interface Written {
  readonly id: string;
  readonly score?: number | undefined;
  readonly value?: string | undefined;
}

/** A run that takes the place of records in memory, and of other runs. */
export interface RunChange {
  readonly queue: string;
  readonly run: number;
  /** The queue's records in memory with a smaller number are in the run, or have left. */
  readonly below: number;
  readonly replaces: readonly number[];
  /** Ordinals of the run's records that have left. */
  readonly removed: readonly number[];
  /** How many records the run holds, those that have left included. */
  readonly count: number;
}

/** What a segment begins with. */
export interface Opened {
  readonly kind: "opened";
  /** Of the journal's format. */
  readonly version: number;
  /** The machine's boot, or nothing if it isn't known. */
  readonly boot: string;
  /** Whether what is confirmed is on disk. */
  readonly isDurable: boolean;
  /** The number of the next record. */
  readonly nextNumber: number;
}

/** "closed": the store was closed, and nothing came after it. */
export type Mark = Opened | { readonly kind: "closed" };

/** Raised whenever the journal's format changes: a segment of another version isn't read. */
export const JOURNAL_VERSION = 1;

const SIZE = 1;
const RUN = 2;
const REMOVAL = 3;
const ORPHAN_REMOVAL = 4;
const WRITES = 5;
const STATE = 6;
const STATE_REMOVAL = 7;
const COUNTER = 8;
const OPENED = 9;
const CLOSED = 10;
const INCREMENT = 11;
const UNUSED = 12;
const FLUSHED_THROUGH = 13;

/** What the records and state take that a change writes, in bytes, roughly. */
export function addedBytes({ writes = [], state }: Change): number {
  let bytes = 0;
  for (const { records } of writes) {
    for (const { id, value = "" } of records) bytes += id.length + value.length + RECORD_OVERHEAD;
  }
  for (const [key, text = ""] of state ?? []) bytes += key.length + text.length;
  return bytes;
}

/** Of a record in a frame, beside its texts. */
const RECORD_OVERHEAD = 16;

const HAS_SCORE = 1;
const HAS_VALUE = 2;

export function writeChange(writer: ByteWriter, change: Change): void {
  for (const [part, number = 0] of [
    [UNUSED, change.unused],
    [FLUSHED_THROUGH, change.flushedThrough],
  ] as const) {
    if (number === 0) continue;
    writer.byte(part);
    writer.varint(number);
  }
  for (const [queue, size] of change.sizes ?? []) {
    writer.byte(SIZE);
    writer.text(queue);
    writer.varint(size);
  }
  for (const run of change.runs ?? []) writeRun(writer, run);
  for (const { queue, numbers, ordinals } of change.removals ?? []) {
    writer.byte(REMOVAL);
    writer.text(queue);
    writeNumbers(writer, numbers);
    writer.varint(ordinals.size);
    for (const [run, ofRun] of ordinals) {
      writer.varint(run);
      writeNumbers(writer, ofRun);
    }
  }
  for (const { queue, ids } of change.orphanRemovals ?? []) {
    writer.byte(ORPHAN_REMOVAL);
    writer.text(queue);
    writer.varint(ids.length);
    for (const id of ids) writer.text(id);
  }
  for (const writes of change.writes ?? []) writeWrites(writer, writes);
  for (const [key, text] of change.state ?? []) {
    writer.byte(text === undefined ? STATE_REMOVAL : STATE);
    writer.text(key);
    if (text !== undefined) writer.text(text);
  }
  for (const [part, counters] of [
    [COUNTER, change.counters],
    [INCREMENT, change.increments],
  ] as const) {
    for (const [name, value] of counters ?? []) {
      writer.byte(part);
      writer.text(name);
      writer.double(value);
    }
  }
  if (change.mark?.kind === "closed") writer.byte(CLOSED);
  if (change.mark?.kind === "opened") {
    writer.byte(OPENED);
    writer.varint(change.mark.version);
    writer.text(change.mark.boot);
    writer.byte(change.mark.isDurable ? 1 : 0);
    writer.varint(change.mark.nextNumber);
  }
}

function writeRun(writer: ByteWriter, { queue, run, below, replaces, removed, count }: RunChange): void {
  writer.byte(RUN);
  writer.text(queue);
  writer.varint(run);
  writer.varint(below);
  writeNumbers(writer, replaces);
  writeNumbers(writer, removed);
  writer.varint(count);
}

function writeWrites(writer: ByteWriter, { queue, first, records }: QueueWrites): void {
  writer.byte(WRITES);
  writer.text(queue);
  writer.varint(first);
  writer.varint(records.length);
  for (const { id, score, value } of records) {
    writer.byte((score === undefined ? 0 : HAS_SCORE) | (value === undefined ? 0 : HAS_VALUE));
    writer.text(id);
    if (score !== undefined) writer.double(score);
    if (value !== undefined) writer.text(value);
  }
}

/** @throws MalformedBytes for a body that no change was written as, or that a newer version wrote */
export function readChange(body: Buffer): Change {
  const reader = new ByteReader(body);
  const sizes = new Map<string, number>();
  const runs: RunChange[] = [];
  const removals: QueueRemoval[] = [];
  const orphanRemovals: { queue: string; ids: string[] }[] = [];
  const writes: QueueWrites[] = [];
  const state = new Map<string, string | undefined>();
  const counters = new Map<string, number>();
  const increments = new Map<string, number>();
  let mark: Mark | undefined;
  let unused = 0;
  let flushedThrough = 0;
  while (!reader.atEnd) {
    const part = reader.byte();
    if (part === SIZE) sizes.set(reader.text(), reader.varint());
    else if (part === RUN) runs.push(readRun(reader));
    else if (part === REMOVAL) removals.push(readRemoval(reader));
    else if (part === ORPHAN_REMOVAL) {
      orphanRemovals.push({ queue: reader.text(), ids: listOf(reader, () => reader.text()) });
    } else if (part === WRITES) writes.push(readWrites(reader));
    else if (part === STATE) state.set(reader.text(), reader.text());
    else if (part === STATE_REMOVAL) state.set(reader.text(), undefined);
    else if (part === COUNTER) counters.set(reader.text(), reader.double());
    else if (part === INCREMENT) increments.set(reader.text(), reader.double());
    else if (part === UNUSED) unused = reader.varint();
    else if (part === FLUSHED_THROUGH) flushedThrough = reader.varint();
    else if (part === CLOSED) mark = { kind: "closed" };
    else if (part === OPENED) mark = readOpened(reader);
    else throw new MalformedBytes(`a change has a part of the unknown kind ${part}`);
  }
  return {
    ...{ unused, flushedThrough, sizes, runs, removals, orphanRemovals },
    ...{ writes, state, counters, increments, mark },
  };
}

function readOpened(reader: ByteReader): Opened {
  const [version, boot, isDurable] = [reader.varint(), reader.text(), reader.byte() === 1];
  return { kind: "opened", version, boot, isDurable, nextNumber: reader.varint() };
}

function readRun(reader: ByteReader): RunChange {
  const [queue, run, below] = [reader.text(), reader.varint(), reader.varint()];
  const [replaces, removed] = [numbersOf(reader), numbersOf(reader)];
  return { queue, run, below, replaces, removed, count: reader.varint() };
}

function readRemoval(reader: ByteReader): QueueRemoval {
  const queue = reader.text();
  const numbers = numbersOf(reader);
  const ordinals = new Map(listOf(reader, () => [reader.varint(), numbersOf(reader)] as const));
  return { queue, numbers, ordinals };
}

function readWrites(reader: ByteReader): QueueWrites {
  const queue = reader.text();
  const first = reader.varint();
  const records = listOf(reader, () => {
    const parts = reader.byte();
    return {
      id: reader.text(),
      score: parts & HAS_SCORE ? reader.double() : undefined,
      value: parts & HAS_VALUE ? reader.text() : undefined,
    };
  });
  return { queue, first, records };
}

function listOf<T>(reader: ByteReader, read: () => T): T[] {
  const items: T[] = [];
  for (let left = reader.varint(); left > 0; left--) items.push(read());
  return items;
}

function numbersOf(reader: ByteReader): number[] {
  const numbers: number[] = [];
  readNumbers(reader, (first, count) => {
    for (let index = 0; index < count; index++) numbers.push(first + index);
  });
  return numbers;
}
