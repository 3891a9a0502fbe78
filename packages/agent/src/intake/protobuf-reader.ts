/**
 * Reads protobuf's wire format.
 *
 * Promises: any bytes give a field or a {@link Malformed}. Unknown fields, and fields with another wire type, can be skipped.
 */
import type { Result } from "@chouette-iot/record";

export const VARINT = 0;
export const FIXED_64 = 1;
export const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/** The key before a field: its number and wire type. */
export const key = (field: number, wireType: number) => (field << 3) | wireType;

export class Malformed extends Error {}

/** A message: reading a field moves `at` towards `end`. */
export interface Message {
  readonly bytes: Buffer;
  at: number;
  readonly end: number;
}

/** Reads a whole body. @param format its name, for the reason if it is malformed */
export function readMessage<T>(body: Buffer, read: (message: Message) => T, format: string): Result<T> {
  try {
    return { ok: true, value: read({ bytes: body, at: 0, end: body.length }) };
  } catch (error) {
    if (error instanceof Malformed)
      return { ok: false, reason: `the body is not ${format}: ${error.message}` };
    throw error;
  }
}

export function inner(message: Message): Message {
  const length = varint(message);
  const at = take(message, length);
  return { bytes: message.bytes, at, end: message.at };
}

export function string(message: Message): string {
  const { bytes, at, end } = inner(message);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at, end));
  } catch {
    throw new Malformed(`the text at byte ${at} is not UTF-8`);
  }
}

export function skip(message: Message, field: number): void {
  if (field < key(1, 0)) throw new Malformed(`there is a field 0 before byte ${message.at}`);
  const wireType = field & 7;
  if (wireType === VARINT) varint(message);
  else if (wireType === FIXED_64) take(message, 8);
  else if (wireType === LENGTH_DELIMITED) inner(message);
  else if (wireType === FIXED_32) take(message, 4);
  else throw new Malformed(`the wire type ${wireType} before byte ${message.at} is unknown`);
}

/** A signed 64-bit number; beyond 2^53, the nearest double. */
export function varint(message: Message): number {
  const first = message.bytes[message.at] ?? 0;
  if (first < 0x80) {
    take(message, 1);
    return first;
  }
  const start = message.at;
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = message.bytes[take(message, 1)] ?? 0;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return Number(BigInt.asIntN(64, value));
  }
  throw new Malformed(`the number at byte ${start} has no end`);
}

/** Skips the next `length` bytes. @returns where they begin */
export function take(message: Message, length: number): number {
  const { at, end } = message;
  if (length < 0 || length > end - at) {
    throw new Malformed(`at byte ${at}, ${length} bytes should follow, but there are ${end - at}`);
  }
  message.at = at + length;
  return at;
}

export function double(message: Message): number {
  return message.bytes.readDoubleLE(take(message, 8));
}

export function float(message: Message): number {
  return message.bytes.readFloatLE(take(message, 4));
}

/** The value of a varint in an sint32 or sint64: 0, -1, 1, -2, … */
export function signed(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
