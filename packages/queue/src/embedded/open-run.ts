/**
 * Opens the file of a run, whatever is in it.
 *
 * An intact run is opened by its tail and index. If these are damaged, the file is searched for blocks; records between the
 * blocks found are missing.
 */
import type { Position } from "../store.js";
import { Block } from "./block.js";
import type { BlockCache } from "./block-cache.js";
import { ByteReader } from "./bytes.js";
import type { FileSystem, StoreFile } from "./files.js";
import { FRAME_HEADER_BYTES, type Frame, fileSeed, frameAt, framesIn } from "./frame.js";
import { hashId, IdFilter } from "./id-filter.js";
import { IdTable, idTable, MAX_RUN_RECORDS } from "./id-table.js";
import { Run } from "./run.js";
import {
  type BlockEntry,
  FIRST_BLOCK_SEQUENCE,
  HEAD_SEQUENCE,
  INDEX_SEQUENCE,
  type RunHead,
  type RunIndex,
  readHead,
  readIndex,
  readTail,
  TAIL_BYTES,
  TAIL_SEQUENCE,
} from "./run-format.js";

const MAX_HEAD_BYTES = 4_096;

export interface OpenedRun {
  readonly run: Run;
  /** Undefined if it can't be read. */
  readonly head: RunHead | undefined;
  /** Whether a part could not be read. */
  readonly isDamaged: boolean;
}

interface Layout {
  /** Undefined if no block can be read. */
  readonly queue: string | undefined;
  readonly blocks: readonly BlockEntry[];
  readonly last: Position;
  readonly count: number;
  readonly ids: IdTable;
  readonly filter: IdFilter;
  /** Hashes of the ids, in any order. */
  readonly hashes: Uint32Array;
}

/** Undefined if nothing can be read, or another version wrote it. */
export async function openRun(
  files: FileSystem,
  path: string,
  id: number,
  cache: BlockCache,
): Promise<OpenedRun | undefined> {
  let file: StoreFile | undefined;
  try {
    file = files.openForReading(path);
    const bytes = file.size();
    const seed = fileSeed("run", id);
    const whole = await wholeLayout(file, bytes, seed);
    const head = (await headOf(file, bytes, seed)) ?? whole?.head;
    const { hashes, ...layout } = whole ?? layoutOfBlocks(await files.readWhole(path), seed);
    const queue = head?.queue ?? layout.queue;
    if (queue === undefined) throw new Error("it has no block that can be read");
    const run = new Run({ run: id, path, file, bytes, ...layout, queue }, hashes, cache);
    if (whole === undefined) for (const ordinal of gapsIn(layout)) run.removed.add(ordinal);
    return { run, head, isDamaged: whole === undefined };
  } catch {
    file?.close();
    return undefined;
  }
}

/** Throws if another version wrote it. */
async function headOf(file: StoreFile, bytes: number, seed: number): Promise<RunHead | undefined> {
  const frame = frameAt(await partOf(file, 0, Math.min(bytes, MAX_HEAD_BYTES)), 0, seed);
  return frame?.sequence === HEAD_SEQUENCE ? readHead(new ByteReader(frame.body)) : undefined;
}

/** @returns undefined if the tail, the index or the id table is damaged */
async function wholeLayout(
  file: StoreFile,
  bytes: number,
  seed: number,
): Promise<(Layout & RunIndex) | undefined> {
  if (bytes < TAIL_BYTES) return undefined;
  const tailAt = bytes - TAIL_BYTES;
  const tailFrame = frameAt(await partOf(file, tailAt, TAIL_BYTES), 0, seed + tailAt);
  if (tailFrame?.sequence !== TAIL_SEQUENCE) return undefined;
  const { indexAt, idsAt, idsCrc, count } = readTail(new ByteReader(tailFrame.body));
  if (!(indexAt >= FRAME_HEADER_BYTES && indexAt < tailAt && count < MAX_RUN_RECORDS)) return undefined;
  const indexFrame = frameAt(await partOf(file, indexAt, tailAt - indexAt), 0, seed + indexAt);
  if (indexFrame?.sequence !== INDEX_SEQUENCE) return undefined;
  const ids = new IdTable(file, idsAt, count);
  const filter = new IdFilter(count);
  const hashes = new Uint32Array(count);
  let known = 0;
  const crc = await ids.eachHash((hash) => {
    filter.add(hash);
    hashes[known++] = hash;
  });
  if (crc !== idsCrc) return undefined;
  const index = readIndex(new ByteReader(indexFrame.body));
  return { ...index, queue: index.head.queue, count, ids, filter, hashes };
}

function layoutOfBlocks(bytes: Buffer, seed: number): Layout {
  const blocks: BlockEntry[] = [];
  const hashes: number[] = [];
  let last: Position = { score: 0, id: "" };
  let queue: string | undefined;
  for (const frame of framesIn(bytes, seed, () => {})) {
    const block = blockOf(frame);
    const first = block?.position(0);
    if (block === undefined || first === undefined) continue;
    const { firstOrdinal, count } = block;
    while (hashes.length < firstOrdinal) hashes.push(0);
    for (let index = 0; index < count; index++) hashes.push(hashId(block.position(index)?.id ?? ""));
    const { start: at, end } = frame;
    blocks.push({ at, length: end - at, firstOrdinal, count, ...first });
    last = block.position(count - 1) ?? first;
    queue = block.queue;
  }
  const count = hashes.length;
  const filter = new IdFilter(count);
  for (const hash of hashes) filter.add(hash);
  const ids = new IdTable(idTable(hashes), 0, count);
  return { queue, blocks, last, count, ids, filter, hashes: Uint32Array.from(hashes) };
}

/** Undefined for another part of a run, and for a valid frame with an impossible body. */
function blockOf({ sequence, body }: Frame): Block | undefined {
  if (sequence < FIRST_BLOCK_SEQUENCE || sequence >= INDEX_SEQUENCE) return undefined;
  try {
    const block = new Block(body);
    return block.firstOrdinal + block.count <= MAX_RUN_RECORDS ? block : undefined;
  } catch {
    return undefined;
  }
}

/** The ordinals that are in no block. */
function* gapsIn({ blocks }: Pick<Layout, "blocks">): Generator<number> {
  let expected = 0;
  for (const { firstOrdinal, count } of blocks) {
    while (expected < firstOrdinal) yield expected++;
    expected += count;
  }
}

async function partOf(file: StoreFile, at: number, length: number): Promise<Buffer> {
  const part = Buffer.alloc(Math.max(0, length));
  await file.read(part, at);
  return part;
}
