/**
 * Inflates Zstandard up to a limit.
 *
 * The decoder is fzstd: 8 kB of JavaScript without dependencies. It returns block by block, so a decompression bomb is stopped
 * at the limit. `node:zlib` has zstd only since Node 22.15; one decoder on all versions means the same behaviour. (zstddec, in
 * WebAssembly, takes an error for an empty result; @bokuweb/zstd-wasm trusts the size in the frame.)
 *
 * Only a single frame with a window of at most 8 MiB is accepted, as encoders produce it, and as RFC 8878 recommends for
 * decoders. fzstd would allocate the window that a frame asks for, up to 2 GB. It doesn't verify the checksum.
 */
import { Decompress } from "fzstd";

const MAGIC = 0xfd2fb528;
const MAX_WINDOW_BYTES = 8 * 1024 * 1024;
const RLE_BLOCK = 1;

/** The inflated bytes; undefined if there would be more than `limit`. Throws if the body is invalid. */
export function inflateZstd(body: Buffer, limit: number): Buffer | undefined {
  checkFrame(body);
  const blocks: Uint8Array[] = [];
  let bytes = 0;
  try {
    new Decompress((block) => {
      bytes += block.length;
      if (bytes > limit) throw new TooLarge();
      // The decoder reuses the block's memory.
      blocks.push(block.slice());
    }).push(body, true);
  } catch (error) {
    if (error instanceof TooLarge) return undefined;
    throw error;
  }
  return Buffer.concat(blocks, bytes);
}

class TooLarge extends Error {}

/** Checks the frame's header and the heads of its blocks (RFC 8878, 3.1.1): a single complete frame with a small window. */
function checkFrame(body: Buffer): void {
  // A header has at most 18 bytes. It is read from a padded copy, in case the body is shorter.
  const head = Buffer.alloc(18);
  body.copy(head);
  if (head.readUInt32LE(0) !== MAGIC) throw new Error("it does not begin as a zstd frame");
  const descriptor = head.readUInt8(4);
  const sizeFlag = descriptor >> 6;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeBytes = sizeFlag === 0 ? Number(isSingleSegment) : 2 ** sizeFlag;
  const sizeAt = 5 + Number(!isSingleSegment) + dictionaryBytes;
  const window = isSingleSegment ? contentBytes(head, sizeAt, sizeBytes) : windowBytes(head.readUInt8(5));
  if (window > MAX_WINDOW_BYTES) throw new Error(`its window of ${window} bytes is over ${MAX_WINDOW_BYTES}`);
  const end = endOfBlocks(body, sizeAt + sizeBytes) + (hasChecksum ? 4 : 0);
  if (end !== body.length) throw new Error(`its frame ends at byte ${end}, the body at ${body.length}`);
}

function windowBytes(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function contentBytes(head: Buffer, at: number, length: number): number {
  if (length === 8) return Number(head.readBigUInt64LE(at));
  return head.readUIntLE(at, length) + (length === 2 ? 256 : 0);
}

function endOfBlocks(body: Buffer, start: number): number {
  let at = start;
  for (;;) {
    if (at + 3 > body.length) throw new Error("it ends within a frame");
    const block = body.readUIntLE(at, 3);
    const type = (block >> 1) & 3;
    at += 3 + (type === RLE_BLOCK ? 1 : block >> 3);
    if ((block & 1) === 1) return at;
  }
}
