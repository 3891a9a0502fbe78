/**
 * Encodes a change as the body of a frame, and decodes it.
 *
 * A body is a sequence of parts, each a tag and its fields. Tags are never reused: a reader that doesn't know one rejects
 * the whole body.
 */
import { ByteReader, type ByteWriter, MalformedBytes } from "./bytes.js";
import type { Change, Mark, Opened, QueueRemoval, QueueWrites, RunChange } from "./change.js";
import { readNumbers, writeNumbers } from "./number-sets.js";

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

const HAS_SCORE = 1;
const HAS_VALUE = 2;

/** Appends a change to the writer. */
export function writeChange(writer: ByteWriter, change: Change): void {
  writeNumber(writer, UNUSED, change.unused);
  writeNumber(writer, FLUSHED_THROUGH, change.flushedThrough);
  for (const [queue, size] of change.sizes ?? []) {
    writer.byte(SIZE);
    writer.text(queue);
    writer.varint(size);
  }
  for (const run of change.runs ?? []) writeRun(writer, run);
  for (const removal of change.removals ?? []) writeRemoval(writer, removal);
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
  writeCounters(writer, COUNTER, change.counters);
  writeCounters(writer, INCREMENT, change.increments);
  if (change.mark !== undefined) writeMark(writer, change.mark);
}

function writeNumber(writer: ByteWriter, part: number, number = 0): void {
  if (number === 0) return;
  writer.byte(part);
  writer.varint(number);
}

function writeRemoval(writer: ByteWriter, { queue, numbers, ordinals }: QueueRemoval): void {
  writer.byte(REMOVAL);
  writer.text(queue);
  writeNumbers(writer, numbers);
  writer.varint(ordinals.size);
  for (const [run, ofRun] of ordinals) {
    writer.varint(run);
    writeNumbers(writer, ofRun);
  }
}

function writeCounters(writer: ByteWriter, part: number, counters: Change["counters"]): void {
  if (counters === undefined) return;
  for (const [name, value] of counters) {
    writer.byte(part);
    writer.text(name);
    writer.double(value);
  }
}

function writeMark(writer: ByteWriter, mark: Mark): void {
  if (mark.kind === "closed") {
    writer.byte(CLOSED);
    return;
  }
  writer.byte(OPENED);
  writer.varint(mark.version);
  writer.text(mark.boot);
  writer.byte(mark.isDurable ? 1 : 0);
  writer.varint(mark.nextNumber);
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

/** @throws MalformedBytes for a body that isn't a change, or that a newer version wrote */
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
