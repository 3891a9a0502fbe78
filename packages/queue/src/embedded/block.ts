/** One block of a run: records in order, as they are on disk. Values are read when they are asked for. */
import type { Position } from "../store.js";
import { ByteReader, type ByteWriter } from "./bytes.js";
import { comparePositions } from "./order.js";

/** How a block begins; its records follow, each by {@link writeRecord}. */
export function writeBlockHead(
  writer: ByteWriter,
  { queue, firstOrdinal, count }: Pick<Block, "queue" | "firstOrdinal"> & { readonly count: number },
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
  readonly positions: readonly Position[];
  /** Bytes of its body. */
  readonly bytes: number;
  readonly #body: Buffer;
  readonly #valueAt: readonly number[];

  /** @throws MalformedBytes if the body is no block's */
  constructor(body: Buffer) {
    const reader = new ByteReader(body);
    const positions: Position[] = [];
    const valueAt: number[] = [];
    this.queue = reader.text();
    this.firstOrdinal = reader.varint();
    for (let left = reader.varint(); left > 0; left--) {
      positions.push({ score: reader.double(), id: reader.text() });
      valueAt.push(reader.position);
      if (reader.byte() === 1) reader.skipText();
    }
    this.positions = positions;
    this.bytes = body.length;
    this.#body = body;
    this.#valueAt = valueAt;
  }

  value(index: number): string | undefined {
    const reader = new ByteReader(this.#body, this.#valueAt[index]);
    return reader.byte() === 1 ? reader.text() : undefined;
  }

  /** How many of its records stand before the position or at it. */
  countThrough(position: Position): number {
    let low = 0;
    let high = this.positions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = this.positions[middle];
      if (at !== undefined && comparePositions(at, position) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
