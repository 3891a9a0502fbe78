/**
 * Encodes numbers and texts as bytes, for the files of the embedded engine.
 *
 * Promises: any JavaScript string is read back unchanged. ASCII takes one byte per character, other text is UTF-8, and text
 * that isn't well-formed (a lone surrogate) is UTF-16. The reader throws a {@link MalformedBytes} for bytes that the writer
 * can't have written.
 */

/** The writer can't have written these bytes: damage that the checksum doesn't reveal. */
export class MalformedBytes extends Error {
  override readonly name = "MalformedBytes";
}

/** Encodings of a text: the low two bits of its length. */
const ASCII = 0;
const UTF8 = 1;
const UTF16 = 2;

const LONE_SURROGATE = /\p{Surrogate}/u;

const MAX_VARINT_BYTES = 8;
const MAX_CHARACTER_BYTES = 3;

export class ByteWriter {
  #buffer: Buffer;
  #at = 0;

  constructor(capacity = 64 * 1024) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
  }

  get length(): number {
    return this.#at;
  }

  /** All bytes written so far; valid until the next write. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  clear(): void {
    this.#at = 0;
  }

  /** Discards all bytes from this length on. */
  truncate(length: number): void {
    this.#at = length;
  }

  /** Reserves bytes to be filled in later through {@link bytes}. */
  skip(count: number): void {
    this.#reserve(count);
    this.#at += count;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#at++] = value;
  }

  /** @param value an integer from 0 to 2^53 */
  varint(value: number): void {
    this.#reserve(MAX_VARINT_BYTES);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#at++] = rest;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
  }

  text(text: string): void {
    const { length } = text;
    this.#reserve(MAX_VARINT_BYTES + length * MAX_CHARACTER_BYTES);
    const start = this.#at;
    this.varint(length * 4 + ASCII);
    // Most texts are ASCII: then writing took as many bytes as there are characters.
    const byteLength = this.#buffer.write(text, this.#at);
    if (byteLength === length) {
      this.#at += length;
      return;
    }
    this.#at = start;
    if (!LONE_SURROGATE.test(text)) {
      this.varint(byteLength * 4 + UTF8);
      this.#at += this.#buffer.write(text, this.#at);
    } else {
      this.varint(length * 2 * 4 + UTF16);
      this.#at += this.#buffer.write(text, this.#at, length * 2, "utf16le");
    }
  }

  raw(bytes: Buffer): void {
    this.#reserve(bytes.length);
    this.#at += bytes.copy(this.#buffer, this.#at);
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#at + count));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

export class ByteReader {
  readonly #buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, at = 0) {
    this.#buffer = buffer;
    this.#at = at;
  }

  get position(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at >= this.#buffer.length;
  }

  byte(): number {
    const value = this.#buffer[this.#at];
    if (value === undefined) throw new MalformedBytes("a byte is missing");
    this.#at += 1;
    return value;
  }

  varint(): number {
    let value = 0;
    let unit = 1;
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      const byte = this.byte();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 0x80;
    }
    throw new MalformedBytes("a number has no end");
  }

  double(): number {
    if (this.#at + 8 > this.#buffer.length) throw new MalformedBytes("a number is cut off");
    const value = this.#buffer.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  text(): string {
    const header = this.varint();
    const length = Math.floor(header / 4);
    const end = this.#at + length;
    if (end > this.#buffer.length) throw new MalformedBytes("a text is cut off");
    const start = this.#at;
    this.#at = end;
    switch (header % 4) {
      case ASCII:
        return this.#buffer.toString("latin1", start, end);
      case UTF8:
        return this.#buffer.toString("utf8", start, end);
      case UTF16:
        return this.#buffer.toString("utf16le", start, end);
      default:
        throw new MalformedBytes("a text of an unknown encoding");
    }
  }

  /** Skips a text, with the same checks. */
  skipText(): void {
    const header = this.varint();
    const end = Math.floor(header / 4) + this.#at;
    if (end > this.#buffer.length) throw new MalformedBytes("a text is cut off");
    if (header % 4 > UTF16) throw new MalformedBytes("a text of an unknown encoding");
    this.#at = end;
  }

  /** Skips a number of eight bytes. */
  skipDouble(): void {
    if (this.#at + 8 > this.#buffer.length) throw new MalformedBytes("a number is cut off");
    this.#at += 8;
  }

  /** Continues reading at this offset. */
  seek(at: number): void {
    this.#at = at;
  }
}
