/**
 * The journal: a sequence of segment files, of which the last is written to.
 *
 * A segment starts with everything except records (the head), so earlier segments are needed only for their records. Once all
 * of these are removed, and the removals are on disk, the segment is deleted, the oldest first: a removal is in the same
 * segment as its record, or a later one.
 */
import { join } from "node:path";
import type { ByteWriter } from "./bytes.js";
import { segmentName } from "./file-names.js";
import type { FileSystem, StoreFile } from "./files.js";
import { fileSeed } from "./frame.js";

/** A write to the system's cache takes microseconds. A slower one has waited for the disk. */
const SLOW_WRITE_MS = 20;
/** After a slow write, writes during a flush go to the thread pool for so long. */
const POOLED_MS = 60_000;

export interface Segment {
  readonly path: string;
  /** Undefined for a segment from before the store was opened. */
  readonly file: StoreFile | undefined;
  /** Seed of its frames' checksums. */
  readonly seed: number;
  /** Records from this number on are in this segment or a later one. */
  firstNumber: number;
  bytes: number;
  /** Number of its records that are in memory. */
  live: number;
  /** Whether it may have bytes that aren't on disk yet. */
  dirty: boolean;
}

export class Journal {
  /** The oldest first. */
  readonly segments: Segment[] = [];
  bytesWritten = 0;
  readonly #files: FileSystem;
  readonly #folder: string;
  #nextSegment: number;
  /** Whether the last segment must not be written to any more. */
  #isClosed = true;
  /** Bytes of the current segment's head. */
  #headBytes = 0;
  #isFolderDirty = false;
  /** Until this time, by `performance.now()`, writes during a flush go to the thread pool, as a recent one was slow. */
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
   * Whether the current segment accepts another frame. It does until it has at least as many other bytes as its head: a head
   * with much state may exceed the size of a segment, and would otherwise be written again for each frame.
   *
   * @param segmentBytes the target size of a segment
   */
  hasPlace(segmentBytes: number): boolean {
    return this.current !== undefined && this.current.bytes < Math.max(segmentBytes, 2 * this.#headBytes);
  }

  /** Seed of the next frames in the current segment. */
  get nextSeed(): number {
    const { current } = this;
    return current === undefined ? 0 : current.seed + current.bytes;
  }

  get seedOfNextSegment(): number {
    return fileSeed("journal", this.#nextSegment);
  }

  /** A record has entered memory. */
  entered(number: number): void {
    const segment = this.#segmentOf(number);
    if (segment !== undefined) segment.live += 1;
  }

  /** A record has left memory. */
  left(number: number): void {
    const segment = this.#segmentOf(number);
    if (segment !== undefined) segment.live -= 1;
  }

  /** Starts a segment with this head. Throws, with nothing changed, if it can't be written. */
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

  /** Ends the current segment: the next frame starts another. */
  end(): void {
    this.#isClosed = true;
  }

  /** Whether a write would go to the thread pool. */
  leavesToPool(duringFlush: boolean): boolean {
    return duringFlush && performance.now() < this.#pooledUntil;
  }

  /**
   * Writes to the current segment. Throws or rejects, with nothing changed, if it can't.
   *
   * @param duringFlush whether a flush is running
   * @returns undefined if it is written already: most writes are synchronous, as a promise costs more than the write
   */
  write(bytes: Buffer, duringFlush: boolean): Promise<void> | undefined {
    const segment = this.current;
    if (segment?.file === undefined) throw new Error("the journal has no segment to write to");
    if (this.leavesToPool(duringFlush)) return this.#writeInPool(segment, segment.file, bytes);
    const began = duringFlush ? performance.now() : 0;
    try {
      segment.file.writeNow(bytes, segment.bytes);
    } catch (error) {
      this.#undoWrite(segment);
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
      this.#undoWrite(segment);
      throw error;
    }
    this.#wrote(segment, bytes);
  }

  #wrote(segment: Segment, { length }: Buffer): void {
    segment.bytes += length;
    segment.dirty = true;
    this.bytesWritten += length;
  }

  /** Resolves when everything written before the call is on disk. */
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

  /** The oldest segments, up to the first with a record in memory. */
  spent(): readonly Segment[] {
    const needed = this.segments.findIndex((segment) => segment.live > 0 || segment === this.current);
    // The last one has the newest head, even if it is ended.
    return this.segments.slice(0, needed < 0 ? -1 : needed);
  }

  async delete(spent: readonly Segment[]): Promise<void> {
    for (const segment of spent) {
      this.segments.splice(this.segments.indexOf(segment), 1);
      segment.file?.close();
      await this.#files.remove(segment.path);
      // If a power cut restored an older segment alone, records would return that a newer one has removed.
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

  /** Removes a partial write, for example on a full disk. If that fails, the segment is ended. */
  #undoWrite(segment: Segment): void {
    try {
      segment.file?.truncate(segment.bytes);
    } catch {
      this.#isClosed = true;
    }
  }
}
