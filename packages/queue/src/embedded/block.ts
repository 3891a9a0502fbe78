/** One block of a run: records in order, in their bytes on disk. Each record is decoded on demand. */

import { compareIds, countWhile } from "../order.js";
import type { Position, StoredRecord } from "../store.js";
import { ByteReader, type ByteWriter, MalformedBytes } from "./bytes.js";

/** Writes the start of a block; its records follow, each by {@link writeRecord}. */
export function writeBlockHead(
  writer: ByteWriter,
  { queue, firstOrdinal, count }: Pick<Block, "queue" | "firstOrdinal" | "count">,
): void {
  writer.text(queue);
  writer.varint(firstOrdinal);
  writer.varint(count);
}

export function writeRecord(
  writer: ByteWriter,
  { score, id, value }: { readonly score: number; readonly id: string; readonly value: string | undefined },
): void {
  writer.double(score);
  writer.text(id);
  writer.byte(value === undefined ? 0 : 1);
  if (value !== undefined) writer.text(value);
}

export class Block {
  readonly queue: string;
  readonly firstOrdinal: number;
  readonly count: number;
  /** Bytes of its body. */
  readonly bytes: number;
  readonly #reader: ByteReader;
  /** Offset of each record in the body. */
  readonly #starts: Uint32Array;

  /** @throws MalformedBytes if the body isn't a block */
  constructor(body: Buffer) {
    const reader = new ByteReader(body);
    this.queue = reader.text();
    this.firstOrdinal = reader.varint();
    this.count = reader.varint();
    if (this.count > body.length) throw new MalformedBytes("a block has more records than bytes");
    this.#starts = new Uint32Array(this.count);
    for (let index = 0; index < this.count; index++) {
      this.#starts[index] = reader.position;
      reader.skipDouble();
      reader.skipText();
      if (reader.byte() === 1) reader.skipText();
    }
    this.bytes = body.length;
    this.#reader = reader;
  }

  /** The position of a record; undefined beyond the last. */
  position(index: number): Position | undefined {
    return this.#seek(index) ? { score: this.#reader.double(), id: this.#reader.text() } : undefined;
  }

  /** A whole record; undefined beyond the last. @param place to return with it, see {@link Position.place} */
  record(index: number, place: number): StoredRecord | undefined {
    if (!this.#seek(index)) return undefined;
    const reader = this.#reader;
    const [score, id] = [reader.double(), reader.text()];
    return { score, id, value: reader.byte() === 1 ? reader.text() : undefined, place };
  }

  /** The index of the record at this position; undefined if there is none. */
  indexOf(position: Position): number | undefined {
    const index = this.countThrough(position) - 1;
    return index >= 0 && this.#compare(index, position) === 0 ? index : undefined;
  }

  /** Number of its records before or at the position. */
  countThrough(position: Position): number {
    return countWhile(this.count, (index) => this.#compare(index, position) <= 0);
  }

  #seek(index: number): boolean {
    const start = this.#starts[index];
    if (start !== undefined) this.#reader.seek(start);
    return start !== undefined;
  }

  /** Compares positions. Ids are decoded only if the scores are equal. */
  #compare(index: number, { score, id }: Position): number {
    this.#seek(index);
    const own = this.#reader.double();
    if (own !== score) return own < score ? -1 : 1;
    return compareIds(this.#reader.text(), id);
  }
}
