/**
 * Writes protobuf's wire format backwards.
 *
 * A message is preceded by its length, which is known only after the message is written. Backwards, every length is known in
 * time: one pass, one growing buffer, and no object per field. The price is that fields, and the entries of a repeated
 * field, must be written last one first.
 *
 * Rules of the wire format: https://protobuf.dev/programming-guides/encoding/
 */

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;

const FIRST_CAPACITY_BYTES = 16_384;
/** The longest varint: ten groups of seven bits. */
const MAX_VARINT_BYTES = 10;
const TWO_TO_32 = 0x1_0000_0000;

export class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY_BYTES);
  /** Position of the first written byte. */
  #start = FIRST_CAPACITY_BYTES;

  /** Number of written bytes. Read it before a message's fields, and pass it to `message` after them. */
  get written(): number {
    return this.#bytes.length - this.#start;
  }

  /** A view of the written bytes. */
  finish(): Buffer {
    return this.#bytes.subarray(this.#start);
  }

  /** Writes the head of a message whose fields are all bytes since `writtenBefore`. */
  message(field: number, writtenBefore: number): void {
    this.#varint(this.written - writtenBefore);
    this.#key(field, LENGTH_DELIMITED);
  }

  string(field: number, text: string): void {
    const length = this.#text(text);
    this.#varint(length);
    this.#key(field, LENGTH_DELIMITED);
  }

  double(field: number, value: number): void {
    this.#reserve(8);
    this.#start = this.#bytes.writeDoubleLE(value, this.#start - 8) - 8;
    this.#key(field, FIXED_64);
  }

  /** An int32, int64 or enum. @param value whole, and within what a number holds exactly */
  integer(field: number, value: number): void {
    if (value >= 0 && value < TWO_TO_32) this.#varint(value);
    else this.#varint64(value);
    this.#key(field, VARINT);
  }

  /** Repeated numbers, packed. @param values from 0 to 2^32 - 1 */
  packedIntegers(field: number, values: readonly number[]): void {
    const before = this.written;
    for (let index = values.length - 1; index >= 0; index--) this.#varint(values[index] ?? 0);
    this.message(field, before);
  }

  /** Repeated signed numbers (sint32), packed. */
  packedSigned(field: number, values: readonly number[]): void {
    this.packedIntegers(
      field,
      values.map((value) => (value >= 0 ? 2 * value : -2 * value - 1)),
    );
  }

  /** A complete field that another writer has written. */
  prewritten(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#start -= bytes.length;
    this.#bytes.set(bytes, this.#start);
  }

  #key(field: number, wireType: number): void {
    this.#varint((field << 3) | wireType);
  }

  /** @param value from 0 to 2^32 - 1 */
  #varint(value: number): void {
    this.#reserve(MAX_VARINT_BYTES);
    let rest = value;
    let at = this.#start - varintBytes(value);
    this.#start = at;
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[at++] = (rest & 0x7f) | 0x80;
    this.#bytes[at] = rest;
  }

  /** A negative number is written in two's complement with 64 bits, as protobuf requires: ten bytes. */
  #varint64(value: number): void {
    this.#reserve(MAX_VARINT_BYTES);
    const groups: number[] = [];
    for (let rest = BigInt.asUintN(64, BigInt(value)); rest > 0n; rest >>= 7n)
      groups.push(Number(rest & 0x7fn));
    for (const [index, group] of groups.reverse().entries()) {
      this.#bytes[--this.#start] = index === 0 ? group : group | 0x80;
    }
  }

  /** Writes a text as UTF-8 and returns its length in bytes. */
  #text(text: string): number {
    const { length } = text;
    this.#reserve(length);
    const bytes = this.#bytes;
    // Names and tags are short and nearly always ASCII: a loop is then faster than a native call.
    let at = this.#start;
    for (let index = length - 1; index >= 0; index--) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return this.#unicodeText(text);
      bytes[--at] = code;
    }
    this.#start = at;
    return length;
  }

  #unicodeText(text: string): number {
    const length = Buffer.byteLength(text);
    this.#reserve(length);
    this.#start -= length;
    this.#bytes.write(text, this.#start);
    return length;
  }

  #reserve(count: number): void {
    if (this.#start >= count) return;
    const written = this.finish();
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, written.length + count));
    this.#start = grown.length - written.length;
    grown.set(written, this.#start);
    this.#bytes = grown;
  }
}

function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
