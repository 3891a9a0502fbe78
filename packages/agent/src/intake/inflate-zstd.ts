/**
 * Zstandard, inflated within bounds.
 *
 * The decoder is fzstd: 8 kB of JavaScript, nothing behind it, and it answers block by block, so that a bomb is
 * stopped at the bound. `node:zlib` has zstd only from Node 22.15 on; one decoder everywhere means one behaviour.
 * (zstddec, a WebAssembly one, takes an error for an empty answer; @bokuweb/zstd-wasm believes the size that a
 * frame claims.)
 *
 * What is taken is one frame with a window of 8 MiB at most, which is what encoders make of a request and what
 * RFC 8878 asks a decoder to take. fzstd sets up the window a frame asks for, up to 2 GB, and leaves the
 * checksum unread.
 */
import { Decompress } from "fzstd";

const MAGIC = 0xfd2fb528;
const MAX_WINDOW_BYTES = 8 * 1024 * 1024;
const RLE_BLOCK = 1;

/** The inflated bytes, or undefined if there would be more than `limit`. Throws, with the reason, on anything else. */
export function inflateZstd(body: Buffer, limit: number): Buffer | undefined {
  checkFrame(body);
  const blocks: Uint8Array[] = [];
  let bytes = 0;
  try {
    new Decompress((block) => {
      bytes += block.length;
      if (bytes > limit) throw new TooLarge();
      // The decoder goes on using the memory of what it hands out.
      blocks.push(block.slice());
    }).push(body, true);
  } catch (error) {
    if (error instanceof TooLarge) return undefined;
    throw error;
  }
  return Buffer.concat(blocks, bytes);
}

class TooLarge extends Error {}

/** Walks the frame's header and the heads of its blocks (RFC 8878, 3.1.1): is it one whole frame, and a small one? */
function checkFrame(body: Buffer): void {
  // A header has 18 bytes at most: read within a padded copy, so that a short body needs no care.
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
