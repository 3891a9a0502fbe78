/**
 * Writes a column of a columnar protobuf message: packed numbers or texts.
 *
 * Rules of the wire format: https://protobuf.dev/programming-guides/encoding/
 */

const FIRST_CAPACITY_BYTES = 256;
/** Of a varint: ten groups of seven bits. */
const MAX_VARINT_BYTES = 10;
const LENGTH_DELIMITED = 2;
/** Up to this, twice the number is exact, too. */
const MAX_EXACT_DOUBLED = 2 ** 52;
const TWO_TO_31 = 0x8000_0000;

export class Column {
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY_BYTES);
  #length = 0;

  /** A view of the written bytes. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A uint64. @param value whole, not negative, and within what a number holds exactly */
  unsigned(value: number): void {
    this.#reserve(MAX_VARINT_BYTES);
    let rest = value;
    for (; rest >= TWO_TO_31; rest = Math.floor(rest / 0x80))
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#length++] = rest;
  }

  /** An sint64. @param value whole */
  signed(value: number): void {
    if (Math.abs(value) <= MAX_EXACT_DOUBLED) this.unsigned(value < 0 ? -2 * value - 1 : 2 * value);
    else this.#signed64(BigInt(value));
  }

  /** The difference of two whole numbers as an sint64, modulo 2^64: a reader's sum gives the value again. */
  delta(value: number, before: number): void {
    const isExact = Number.isSafeInteger(value) && Number.isSafeInteger(before);
    if (isExact) this.signed(value - before);
    else this.#signed64(BigInt(value) - BigInt(before));
  }

  float(value: number): void {
    this.#reserve(4);
    this.#length = this.#bytes.writeFloatLE(value, this.#length);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  /** UTF-8, with its length before it. */
  text(text: string): void {
    const length = Buffer.byteLength(text);
    this.unsigned(length);
    this.#reserve(length);
    this.#length += this.#bytes.write(text, this.#length);
  }

  /** Another column as a field of this message; an empty one is left out. */
  field(field: number, { bytes }: Column): void {
    if (bytes.length === 0) return;
    this.unsigned(field * 8 + LENGTH_DELIMITED);
    this.unsigned(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #signed64(value: bigint): void {
    const wrapped = BigInt.asIntN(64, value);
    let rest = BigInt.asUintN(64, (wrapped << 1n) ^ (wrapped >> 63n));
    this.#reserve(MAX_VARINT_BYTES);
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#bytes[this.#length++] = Number(rest);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + count));
    grown.set(this.bytes);
    this.#bytes = grown;
  }
}
