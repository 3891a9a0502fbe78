/** Writes a run. Records are added in order, with writes in between, so that the caller can yield to others. */
import { crc32 } from "node:zlib";
import type { Position } from "../store.js";
import { writeBlockHead, writeRecord } from "./block.js";
import { ByteWriter } from "./bytes.js";
import type { FileSystem, StoreFile } from "./files.js";
import { fileSeed, writeFrame } from "./frame.js";
import { hashId } from "./id-filter.js";
import { idTable } from "./id-table.js";
import {
  BLOCK_BYTES,
  type BlockEntry,
  FIRST_BLOCK_SEQUENCE,
  HEAD_SEQUENCE,
  INDEX_SEQUENCE,
  RUN_VERSION,
  type RunHead,
  TAIL_SEQUENCE,
  writeHead,
  writeIndex,
  writeTail,
} from "./run-format.js";

/** Minimum size of a write. */
const CHUNK_BYTES = 256 * 1024;

export class RunWriter {
  readonly #file: StoreFile;
  readonly #head: RunHead;
  readonly #seed: number;
  readonly #pending = new ByteWriter(CHUNK_BYTES + BLOCK_BYTES);
  readonly #block = new ByteWriter(BLOCK_BYTES * 2);
  readonly #blocks: BlockEntry[] = [];
  /** Hashes of the ids by ordinal. */
  readonly #hashes: number[] = [];
  #first: Position = { score: 0, id: "" };
  #last: Position = { score: 0, id: "" };
  #isOpen = true;
  #inBlock = 0;
  #written = 0;

  /** @param path of a new file */
  constructor(files: FileSystem, path: string, head: Omit<RunHead, "version">) {
    this.#file = files.create(path);
    this.#head = { version: RUN_VERSION, ...head };
    this.#seed = fileSeed("run", head.run);
    this.#writeFrame(HEAD_SEQUENCE, (writer) => writeHead(writer, this.#head));
  }

  get count(): number {
    return this.#hashes.length;
  }

  /** @returns the record's ordinal */
  add(record: Position & { readonly value: string | undefined }): number {
    if (this.#inBlock === 0) this.#first = { score: record.score, id: record.id };
    this.#last = record;
    writeRecord(this.#block, record);
    this.#inBlock += 1;
    this.#hashes.push(hashId(record.id));
    if (this.#block.length >= BLOCK_BYTES) this.#endBlock();
    return this.#hashes.length - 1;
  }

  /** Writes the pending blocks if there are enough. */
  async flush(): Promise<void> {
    if (this.#pending.length >= CHUNK_BYTES) await this.#write();
  }

  /** Completes the run. Resolves when it is on disk. */
  async finish(): Promise<void> {
    this.#endBlock();
    await this.#write();
    const idsAt = this.#written;
    const ids = idTable(this.#hashes);
    const idsCrc = crc32(ids);
    this.#pending.raw(ids);
    await this.#write();
    const indexAt = this.#written;
    this.#writeFrame(INDEX_SEQUENCE, (writer) =>
      writeIndex(writer, { head: this.#head, blocks: this.#blocks, last: this.#last }),
    );
    this.#writeFrame(TAIL_SEQUENCE, (writer) =>
      writeTail(writer, { indexAt, idsAt, idsCrc, count: this.count }),
    );
    await this.#write();
    await this.#file.sync();
    this.close();
  }

  close(): void {
    if (this.#isOpen) this.#file.close();
    this.#isOpen = false;
  }

  #endBlock(): void {
    const count = this.#inBlock;
    if (count === 0) return;
    const firstOrdinal = this.#hashes.length - count;
    const at = this.#written + this.#pending.length;
    this.#writeFrame(FIRST_BLOCK_SEQUENCE + this.#blocks.length, (writer) => {
      writeBlockHead(writer, { queue: this.#head.queue, firstOrdinal, count });
      writer.raw(this.#block.bytes);
    });
    const length = this.#written + this.#pending.length - at;
    this.#blocks.push({ at, length, firstOrdinal, count, ...this.#first });
    this.#block.clear();
    this.#inBlock = 0;
  }

  #writeFrame(sequence: number, write: (writer: ByteWriter) => void): void {
    writeFrame(this.#pending, { sequence, seed: this.#seed + this.#written }, write);
  }

  async #write(): Promise<void> {
    await this.#file.write(this.#pending.bytes, this.#written);
    this.#written += this.#pending.length;
    this.#pending.clear();
  }
}
