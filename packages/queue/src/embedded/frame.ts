/**
 * Frames: the checksummed units of every file of the embedded engine.
 *
 *   magic (4 bytes) | CRC-32 (4) | length of the body (4) | sequence number (6) | body
 *
 * The checksum covers everything after it, and is seeded with the file and the frame's offset: a frame that the disk wrote
 * to another place or file is invalid there. Damaged bytes cost only the frames that contain them: the scan finds the next
 * valid frame by its magic and checksum.
 */
import { crc32 } from "node:zlib";
import type { ByteWriter } from "./bytes.js";

/** "CHF1". A new layout of frames gets a new number. */
const MAGIC = Buffer.of(0x43, 0x48, 0x46, 0x31);
const CRC_AT = 4;
const LENGTH_AT = 8;
const SEQUENCE_AT = 12;
const SEQUENCE_BYTES = 6;
/** Sequence numbers that failed writes may have left unused. */
const MAX_UNUSED = 1_000_000;
/** Spreads file numbers over the seeds. */
const GOLDEN_RATIO = 0x9e3779b1;
export const FRAME_HEADER_BYTES = SEQUENCE_AT + SEQUENCE_BYTES;

export interface Frame {
  readonly sequence: number;
  readonly body: Buffer;
  /** Offsets in its file. */
  readonly start: number;
  readonly end: number;
}

/** The seed of a file's checksums. Each frame's checksum starts with the sum of the seed and the frame's offset. */
export function fileSeed(kind: "journal" | "run", number: number): number {
  return Math.imul(number * 2 + (kind === "run" ? 1 : 0), GOLDEN_RATIO) >>> 0;
}

/**
 * Appends a frame to the writer.
 *
 * @param seed the file's seed plus the offset in it of the writer's first byte
 * @param write writes the body
 */
export function writeFrame(
  writer: ByteWriter,
  { sequence, seed }: { readonly sequence: number; readonly seed: number },
  write: (writer: ByteWriter) => void,
): void {
  const start = writer.length;
  writer.skip(FRAME_HEADER_BYTES);
  write(writer);
  const frame = writer.bytes.subarray(start);
  MAGIC.copy(frame);
  frame.writeUInt32LE(frame.length - FRAME_HEADER_BYTES, LENGTH_AT);
  frame.writeUIntLE(sequence, SEQUENCE_AT, SEQUENCE_BYTES);
  frame.writeUInt32LE(crc32(frame.subarray(LENGTH_AT), (seed + start) >>> 0), CRC_AT);
}

export function beginsWithMagic(bytes: Buffer): boolean {
  return bytes.subarray(0, MAGIC.length).equals(MAGIC);
}

/**
 * The frame that starts at this offset; undefined if there is no valid one.
 *
 * @param seed the file's seed plus the offset in it of the first of the bytes
 */
export function frameAt(bytes: Buffer, start: number, seed: number): Frame | undefined {
  const bodyStart = start + FRAME_HEADER_BYTES;
  if (bodyStart > bytes.length || bytes.compare(MAGIC, 0, MAGIC.length, start, start + MAGIC.length) !== 0)
    return undefined;
  const end = bodyStart + bytes.readUInt32LE(start + LENGTH_AT);
  if (end > bytes.length) return undefined;
  const crc = crc32(bytes.subarray(start + LENGTH_AT, end), (seed + start) >>> 0);
  if (crc !== bytes.readUInt32LE(start + CRC_AT)) return undefined;
  const sequence = bytes.readUIntLE(start + SEQUENCE_AT, SEQUENCE_BYTES);
  return { sequence, body: bytes.subarray(bodyStart, end), start, end };
}

/**
 * Whether a frame begins here and goes on beyond the file's end: the system ends a write of several pages between two of them
 * if it kills the process.
 *
 * @param next the sequence number that the next frame has at the least
 */
export function isUnfinished(bytes: Buffer, start: number, next: number): boolean {
  const left = bytes.length - start;
  const magic = Math.min(left, MAGIC.length);
  if (bytes.compare(MAGIC, 0, magic, start, start + magic) !== 0) return false;
  if (left < FRAME_HEADER_BYTES) return true;
  const sequence = bytes.readUIntLE(start + SEQUENCE_AT, SEQUENCE_BYTES);
  // Damage could have changed the length alone only if it began within the header.
  const isNext = sequence >= next && sequence - next < MAX_UNUSED;
  return isNext && FRAME_HEADER_BYTES + bytes.readUInt32LE(start + LENGTH_AT) > left;
}

/**
 * All valid frames, in the file's order.
 *
 * @param bytes the whole file
 * @param onDamage called with the offset and the length of bytes that belong to no valid frame
 */
export function* framesIn(
  bytes: Buffer,
  seed: number,
  onDamage: (start: number, length: number) => void,
): Generator<Frame> {
  let at = 0;
  while (at < bytes.length) {
    const frame = frameAt(bytes, at, seed) ?? nextFrame(bytes, at + 1, seed);
    const start = frame?.start ?? bytes.length;
    if (start > at) onDamage(at, start - at);
    if (frame === undefined) return;
    yield frame;
    at = frame.end;
  }
}

function nextFrame(bytes: Buffer, from: number, seed: number): Frame | undefined {
  for (let at = bytes.indexOf(MAGIC, from); at >= 0; at = bytes.indexOf(MAGIC, at + 1)) {
    const frame = frameAt(bytes, at, seed);
    if (frame !== undefined) return frame;
  }
  return undefined;
}
