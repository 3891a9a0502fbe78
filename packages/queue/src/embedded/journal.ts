/**
 * The journal: a sequence of segment files, of which the last is written to.
 *
 * A segment begins with all that isn't a record (the head), so that the ones before it are needed for their records
 * alone. Once these have all left, and what made them leave is on disk, the segment is deleted, the oldest first: a
 * removal stands in a later segment than its record, or in the same.
 */
import { join } from "node:path";
import type { ByteWriter } from "./bytes.js";
import { segmentName } from "./file-names.js";
import type { FileSystem, StoreFile } from "./files.js";
import { fileSeed } from "./frame.js";

/** To the system's cache a write takes some microseconds. One that takes longer has waited for the disk. */
const SLOW_WRITE_MS = 20;
const POOLED_MS = 60_000;

export interface Segment {
  readonly path: string;
  /** Undefined for one of an earlier opening of the store. */
  readonly file: StoreFile | undefined;
  /** Of its frames' checksums. */
  readonly seed: number;
  /** Records with this number or a higher one are in it or in a later one. */
  firstNumber: number;
  bytes: number;
  /** How many records in memory are in it. */
  live: number;
  /** Whether it has something that may not be on disk yet. */
  dirty: boolean;
}

export class Journal {
  /** The oldest first. */
  readonly segments: Segment[] = [];
  bytesWritten = 0;
  readonly #files: FileSystem;
  readonly #folder: string;
  #nextSegment: number;
  /** While the last segment is not to be written to any more. */
  #isClosed = true;
  /** Of the current segment's head, in bytes. */
  #headBytes = 0;
  #isFolderDirty = false;
  /** Until then, writes during a flush are left to the thread pool: the system has made one wait for the disk. */
  #pooledUntil = 0;

  constructor(files: FileSystem, folder: string, nextSegment: number) {
    this.#files = files;
    this.#folder = folder;
    this.#nextSegment = nextSegment;
  }

  get bytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The segment that is written to, if there is one. */
  get current(): Segment | undefined {
    return this.#isClosed ? undefined : this.segments.at(-1);
  }

  /**
   * Whether the current segment takes another frame. Never one that has less than its head besides: a head with much state may
   * be larger than a segment should be, and would else be written again with each frame.
   *
   * @param segmentBytes that a segment should have
   */
  hasPlace(segmentBytes: number): boolean {
    return this.current !== undefined && this.current.bytes < Math.max(segmentBytes, 2 * this.#headBytes);
  }

  /** Of the frames that are written next, if they go to the current segment. */
  get nextSeed(): number {
    const { current } = this;
    return current === undefined ? 0 : current.seed + current.bytes;
  }

  get seedOfNextSegment(): number {
    return fileSeed("journal", this.#nextSegment);
  }

  /** A record came into memory. */
  entered(number: number): void {
    const segment = this.#segmentOf(number);
    if (segment !== undefined) segment.live += 1;
  }

  /** A record left memory. */
  left(number: number): void {
    const segment = this.#segmentOf(number);
    if (segment !== undefined) segment.live -= 1;
  }

  /** Begins a segment with this head. Throws, with nothing changed, if it can't be written. */
  begin(firstNumber: number, head: ByteWriter): void {
    const path = join(this.#folder, segmentName(this.#nextSegment));
    const seed = this.seedOfNextSegment;
    const file = this.#files.create(path);
    try {
      file.writeNow(head.bytes, 0);
    } catch (error) {
      file.truncate(0);
      file.close();
      throw error;
    }
    this.#nextSegment += 1;
    this.#isClosed = false;
    this.#isFolderDirty = true;
    this.#headBytes = head.length;
    this.bytesWritten += head.length;
    this.segments.push({ path, file, seed, firstNumber, bytes: head.length, live: 0, dirty: true });
  }

  /** Nothing more is written to the last segment. */
  end(): void {
    this.#isClosed = true;
  }

  /** Whether a write would be left to the thread pool. */
  leavesToPool(duringFlush: boolean): boolean {
    return duringFlush && performance.now() < this.#pooledUntil;
  }

  /**
   * Writes to the current segment, or throws or rejects with nothing changed.
   *
   * @param duringFlush whether the disk is at work
   * @returns undefined if it is written already: most writes go to the system's cache, and a promise costs more than those
   */
  write(bytes: Buffer, duringFlush: boolean): Promise<void> | undefined {
    const segment = this.current;
    if (segment?.file === undefined) throw new Error("the journal has no segment to write to");
    if (this.leavesToPool(duringFlush)) return this.#writeInPool(segment, segment.file, bytes);
    const began = duringFlush ? performance.now() : 0;
    try {
      segment.file.writeNow(bytes, segment.bytes);
    } catch (error) {
      this.#takeBack(segment);
      throw error;
    }
    if (duringFlush && performance.now() - began > SLOW_WRITE_MS) this.#pooledUntil = began + POOLED_MS;
    this.#wrote(segment, bytes);
    return undefined;
  }

  async #writeInPool(segment: Segment, file: StoreFile, bytes: Buffer): Promise<void> {
    try {
      await file.write(bytes, segment.bytes);
    } catch (error) {
      this.#takeBack(segment);
      throw error;
    }
    this.#wrote(segment, bytes);
  }

  #wrote(segment: Segment, { length }: Buffer): void {
    segment.bytes += length;
    segment.dirty = true;
    this.bytesWritten += length;
  }

  /** Resolves when all that was written before the call is on disk. */
  async sync(): Promise<void> {
    const dirty = this.segments.filter((segment) => segment.dirty);
    for (const segment of dirty) segment.dirty = false;
    try {
      for (const segment of dirty) await segment.file?.sync();
      if (this.#isFolderDirty) {
        this.#isFolderDirty = false;
        await this.#files.syncFolder(this.#folder);
      }
    } catch (error) {
      for (const segment of dirty) segment.dirty = true;
      this.#isFolderDirty = true;
      throw error;
    }
  }

  /** The oldest segments of which no record is needed any more. */
  spent(): readonly Segment[] {
    const needed = this.segments.findIndex((segment) => segment.live > 0 || segment === this.current);
    // The last one has the newest head, even if nothing more is written to it.
    return this.segments.slice(0, needed < 0 ? -1 : needed);
  }

  async delete(spent: readonly Segment[]): Promise<void> {
    for (const segment of spent) {
      this.segments.splice(this.segments.indexOf(segment), 1);
      segment.file?.close();
      await this.#files.remove(segment.path);
      // One that comes back without those after it would bring back what left by them.
      await this.#files.syncFolder(this.#folder);
    }
  }

  close(): void {
    for (const { file } of this.segments) file?.close();
  }

  #segmentOf(number: number): Segment | undefined {
    for (let index = this.segments.length - 1; index >= 0; index--) {
      const segment = this.segments[index];
      if (segment !== undefined && segment.firstNumber <= number) return segment;
    }
    return this.segments[0];
  }

  /** Removes a part that was written, which may be on a full disk. If it can't, another segment is begun. */
  #takeBack(segment: Segment): void {
    try {
      segment.file?.truncate(segment.bytes);
    } catch {
      this.#isClosed = true;
    }
  }
}
