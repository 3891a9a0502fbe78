/**
 * Opens the file of a run, whatever is in it.
 *
 * A whole one is opened by its tail and its index. If these are damaged, the blocks are looked for: what is between
 * them is missing.
 */
import type { Position } from "../store.js";
import { Block } from "./block.js";
import type { BlockCache } from "./block-cache.js";
import { ByteReader } from "./bytes.js";
import type { FileSystem, StoreFile } from "./files.js";
import { FRAME_HEADER_BYTES, frameAt, framesIn } from "./frame.js";
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
  /** Whether some of it could not be read. */
  readonly isDamaged: boolean;
}

interface Layout {
  readonly blocks: readonly BlockEntry[];
  readonly last: Position;
  readonly count: number;
  readonly ids: IdTable;
}

/**
 * @param queue that the run is known to be of, if its head doesn't say
 * @returns undefined if nothing can be read of it, or another version wrote it
 */
export async function openRun(
  files: FileSystem,
  path: string,
  { id, queue: expectedQueue }: { readonly id: number; readonly queue: string | undefined },
  cache: BlockCache,
): Promise<OpenedRun | undefined> {
  const file = files.openForReading(path);
  try {
    const bytes = file.size();
    const whole = await wholeLayout(file, bytes);
    const head = (await headOf(file, bytes)) ?? whole?.head;
    const layout = whole ?? layoutOfBlocks(await files.readWhole(path));
    const queue = head?.queue ?? expectedQueue;
    if (queue === undefined || layout.blocks.length === 0)
      throw new Error("it has no block that can be read");
    const filter = new IdFilter(layout.count);
    await layout.ids.eachHash((hash) => filter.add(hash));
    const run = new Run({ run: id, queue, path, file, bytes, filter, ...layout }, cache);
    if (whole === undefined) for (const ordinal of gapsIn(layout)) run.removed.add(ordinal);
    return { run, head, isDamaged: whole === undefined };
  } catch {
    file.close();
    return undefined;
  }
}

/** Throws if another version wrote it. */
async function headOf(file: StoreFile, bytes: number): Promise<RunHead | undefined> {
  const frame = frameAt(await partOf(file, 0, Math.min(bytes, MAX_HEAD_BYTES)), 0);
  return frame?.sequence === HEAD_SEQUENCE ? readHead(new ByteReader(frame.body)) : undefined;
}

/** @returns undefined if the tail or the index is damaged */
async function wholeLayout(file: StoreFile, bytes: number): Promise<(Layout & RunIndex) | undefined> {
  if (bytes < TAIL_BYTES) return undefined;
  const tailFrame = frameAt(await partOf(file, bytes - TAIL_BYTES, TAIL_BYTES), 0);
  if (tailFrame?.sequence !== TAIL_SEQUENCE) return undefined;
  const { indexAt, idsAt, count } = readTail(new ByteReader(tailFrame.body));
  if (!(indexAt >= FRAME_HEADER_BYTES && indexAt < bytes && count < MAX_RUN_RECORDS)) return undefined;
  const indexFrame = frameAt(await partOf(file, indexAt, bytes - TAIL_BYTES - indexAt), 0);
  if (indexFrame?.sequence !== INDEX_SEQUENCE) return undefined;
  return { ...readIndex(new ByteReader(indexFrame.body)), count, ids: new IdTable(file, idsAt, count) };
}

function layoutOfBlocks(bytes: Buffer): Layout {
  // By the ordinal of their first record: sectors that were written to another place hold blocks that are there twice.
  const found = new Map<number, { readonly at: number; readonly length: number; readonly block: Block }>();
  for (const { sequence, body, start, end } of framesIn(bytes, () => {})) {
    if (sequence < FIRST_BLOCK_SEQUENCE || sequence >= INDEX_SEQUENCE) continue;
    try {
      const block = new Block(body);
      found.set(block.firstOrdinal, { at: start, length: end - start, block });
    } catch {
      // Its checksum is right, and yet it is no block: it is passed over as any damage is.
    }
  }
  const blocks: BlockEntry[] = [];
  const hashes: number[] = [];
  let last: Position = { score: 0, id: "" };
  for (const [firstOrdinal, { at, length, block }] of [...found].sort(([a], [b]) => a - b)) {
    const { positions } = block;
    const [first] = positions;
    if (first === undefined || firstOrdinal < hashes.length || firstOrdinal > MAX_RUN_RECORDS) continue;
    while (hashes.length < firstOrdinal) hashes.push(0);
    for (const { id } of positions) hashes.push(hashId(id));
    last = positions.at(-1) ?? first;
    blocks.push({ at, length, firstOrdinal, count: positions.length, score: first.score, id: first.id });
  }
  const count = hashes.length;
  return { blocks, last, count, ids: new IdTable(idTable(hashes), 0, count) };
}

/** The ordinals that no block has. */
function* gapsIn({ blocks }: Layout): Generator<number> {
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
