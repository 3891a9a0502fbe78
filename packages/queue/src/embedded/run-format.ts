/**
 * The layout of a run: an immutable file of a queue's records in order.
 *
 *   head frame | block frames, each of records in order | id table | index frame | tail frame of a fixed size
 *
 * The index has the first position of each block, so finding a position takes one read. The id table has the hash and the
 * ordinal of each record, sorted by hash. Both exist for speed and can be rebuilt from the blocks. The index has a copy of
 * the head, and each block the name of its queue: every part can be read without the others.
 */
import type { Position } from "../store.js";
import { type ByteReader, type ByteWriter, MalformedBytes } from "./bytes.js";
import { FRAME_HEADER_BYTES } from "./frame.js";

/** Raise it whenever the layout changes: a run of another version isn't read. */
export const RUN_VERSION = 1;

export const HEAD_SEQUENCE = 0;
/** Blocks have the sequence numbers 1, 2, … */
export const FIRST_BLOCK_SEQUENCE = 1;
export const INDEX_SEQUENCE = 2 ** 40;
export const TAIL_SEQUENCE = 2 ** 40 + 1;

/** A block ends with the record that makes it at least this long. */
export const BLOCK_BYTES = 32 * 1024;
/** A hash and an ordinal of 32 bits each. */
export const ID_ENTRY_BYTES = 8;

const TAIL_BODY_BYTES = 32;
export const TAIL_BYTES = FRAME_HEADER_BYTES + TAIL_BODY_BYTES;

export interface RunHead {
  readonly version: number;
  readonly run: number;
  readonly queue: string;
  /** The lowest number of its records; 0 for a merged run. */
  readonly lowest: number;
  /** The runs that were merged into it. */
  readonly replaces: readonly number[];
}

export function writeHead(writer: ByteWriter, { version, run, queue, lowest, replaces }: RunHead): void {
  writer.text("run");
  writer.varint(version);
  writer.varint(run);
  writer.text(queue);
  writer.varint(lowest);
  writer.varint(replaces.length);
  for (const id of replaces) writer.varint(id);
}

export function readHead(reader: ByteReader): RunHead {
  if (reader.text() !== "run") throw new MalformedBytes("this is no run");
  const [version, run] = [reader.varint(), reader.varint()];
  // Another version may have a different layout after it.
  if (version !== RUN_VERSION) throw new MalformedBytes("another version wrote this run");
  const [queue, lowest] = [reader.text(), reader.varint()];
  const replaces: number[] = [];
  for (let left = reader.varint(); left > 0; left--) replaces.push(reader.varint());
  return { version, run, queue, lowest, replaces };
}

/** Offsets of the index and the id table, and the number of records. */
export interface RunTail {
  readonly indexAt: number;
  readonly idsAt: number;
  /** Checksum of the id table. */
  readonly idsCrc: number;
  readonly count: number;
}

export function writeTail(writer: ByteWriter, { indexAt, idsAt, idsCrc, count }: RunTail): void {
  for (const number of [indexAt, idsAt, idsCrc, count]) writer.double(number);
}

export function readTail(reader: ByteReader): RunTail {
  const [indexAt, idsAt] = [reader.double(), reader.double()];
  return { indexAt, idsAt, idsCrc: reader.double(), count: reader.double() };
}

/** A block's offset and length in the file, its first position, and its number of records. */
export interface BlockEntry {
  readonly at: number;
  readonly length: number;
  readonly firstOrdinal: number;
  readonly count: number;
  readonly score: number;
  readonly id: string;
}

export interface RunIndex {
  readonly head: RunHead;
  readonly blocks: readonly BlockEntry[];
  /** The position of the run's last record. */
  readonly last: Position;
}

export function writeIndex(writer: ByteWriter, { head, blocks, last }: RunIndex): void {
  writeHead(writer, head);
  writer.double(last.score);
  writer.text(last.id);
  writer.varint(blocks.length);
  for (const { at, length, firstOrdinal, count, score, id } of blocks) {
    for (const number of [at, length, firstOrdinal, count]) writer.varint(number);
    writer.double(score);
    writer.text(id);
  }
}

export function readIndex(reader: ByteReader): RunIndex {
  const head = readHead(reader);
  const last = { score: reader.double(), id: reader.text() };
  const blocks: BlockEntry[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const [at, length] = [reader.varint(), reader.varint()];
    const [firstOrdinal, count] = [reader.varint(), reader.varint()];
    blocks.push({ at, length, firstOrdinal, count, score: reader.double(), id: reader.text() });
  }
  return { head, blocks, last };
}
