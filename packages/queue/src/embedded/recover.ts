/**
 * Reads the journal into memory.
 *
 * Promises: it ends, whatever is in the files. An unreadable frame costs only that frame, an unreadable run its records. The
 * missing records are counted as far as the remaining frames tell how many there should be.
 */
import { join } from "node:path";
import type { BlockCache } from "./block-cache.js";
import { type Change, JOURNAL_VERSION, type Mark, type Opened } from "./change.js";
import type { Content } from "./content.js";
import { numbersIn, segmentName, UNFINISHED } from "./file-names.js";
import type { FileSystem } from "./files.js";
import {
  beginsWithMagic,
  FRAME_HEADER_BYTES,
  type Frame,
  fileSeed,
  framesIn,
  isUnfinished,
} from "./frame.js";
import { Journal } from "./journal.js";
import { changeOf, type LaterFrames, readLaterFrames } from "./later-frames.js";
import { Losses } from "./losses.js";
import { takeOrphans } from "./orphan-runs.js";
import { Replay } from "./replay.js";
import type { Run } from "./run.js";
import { RunFiles } from "./run-files.js";

export interface Recovered {
  readonly content: Content;
  readonly journal: Journal;
  readonly nextSequence: number;
  readonly flushedThrough: number;
  readonly nextRun: number;
  /**
   * Runs whose records are elsewhere. They must be deleted after the segments that name them: without the runs, the next
   * recovery would hold all their records in memory.
   */
  readonly unneeded: readonly Run[];
  readonly losses: Losses;
}

export interface RecoveryOptions {
  readonly files: FileSystem;
  readonly folder: string;
  readonly cache: BlockCache;
  /** The machine's current boot. */
  readonly boot: string;
  /** By `performance.now()`. A recovery that takes longer rejects. */
  readonly deadline?: number;
  /** Called for each segment with the fraction that is done, from 0 to 1. */
  onProgress?(done: number): void;
}

/** Rejects if it takes too long, or the folder can't be listed. */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  return new Recovery(options, await options.files.list(options.folder)).run();
}

class Recovery {
  readonly #options: RecoveryOptions;
  readonly #names: readonly string[];
  readonly #journal: Journal;
  readonly #replay: Replay;
  readonly #losses = new Losses();
  readonly #segments: readonly number[];
  readonly #runFiles: RunFiles;
  /** The journal has the records from this number on, according to its first segment. */
  #firstNumber = Number.POSITIVE_INFINITY;
  #nextSequence = 1;
  #hasFrames = false;
  #laterFrames: LaterFrames | undefined;
  /** The segment, and the offset in it, at which a power cut ended the journal. */
  #cutPath: { readonly path: string; readonly end: number } | undefined;
  #lastMark: Mark | undefined;
  #opened: Opened | undefined;

  constructor(options: RecoveryOptions, names: readonly string[]) {
    this.#options = options;
    this.#names = names;
    this.#segments = numbersIn("journal", names);
    this.#runFiles = new RunFiles({ ...options, names, losses: this.#losses });
    this.#journal = new Journal(options.files, options.folder, Math.max(0, ...this.#segments) + 1);
    this.#replay = new Replay(this.#journal, this.#runFiles, this.#losses);
  }

  async run(): Promise<Recovered> {
    const { files, folder, boot, onProgress } = this.#options;
    for (const name of this.#names) if (name.endsWith(UNFINISHED)) await files.remove(join(folder, name));
    const segments = this.#segments;
    for (const [index, number] of segments.entries()) {
      onProgress?.(index / segments.length);
      if (performance.now() > (this.#options.deadline ?? Number.POSITIVE_INFINITY)) {
        throw new Error("the journal takes too long to read");
      }
      const later = segments.slice(index + 1);
      if ((await this.#readSegment(number, later.length === 0)) === "ends here") {
        await this.#forget(later);
        break;
      }
    }
    // Runs alone don't tell what was in the journal.
    if (segments.length === 0 && this.#runFiles.numbers.length > 0) this.#losses.missing();
    const { content } = this.#replay;
    const before = content.sizes();
    const unneeded = await takeOrphans({
      ...{ files, folder, content, runFiles: this.#runFiles, losses: this.#losses },
      firstNumber: this.#firstNumber,
    });
    for (const [queue, size] of content.sizes()) {
      this.#losses.found(queue, size - (before.get(queue) ?? 0));
    }
    // So that an unreadable block is reported when it is read.
    this.#options.cache.clear();
    if (segments.length > 0) this.#losses.end({ last: this.#lastMark, opened: this.#opened }, boot);
    const flushedThrough = await this.#flushed();
    return {
      content: this.#replay.end(),
      journal: this.#journal,
      nextSequence: this.#nextSequence,
      flushedThrough,
      nextRun: this.#runFiles.next,
      unneeded,
      losses: this.#losses,
    };
  }

  /** @returns "ends here" if a power cut kept what follows from the disk */
  async #readSegment(number: number, isLast: boolean): Promise<"ends here" | undefined> {
    const { files, folder } = this.#options;
    const path = join(folder, segmentName(number));
    const seed = fileSeed("journal", number);
    let bytes: Buffer;
    try {
      bytes = await files.readWhole(path);
    } catch {
      // The disk can't read it.
      this.#losses.unreadable(path, 0);
      return;
    }
    const { nextNumber } = this.#replay.content;
    // Removed below if nothing in it can be read: then the file is moved away, instead of deleted by the journal.
    const segment = { path, file: undefined, seed, firstNumber: nextNumber, bytes: bytes.length };
    this.#journal.segments.push({ ...segment, live: 0, dirty: false });
    const markBefore = this.#lastMark;
    this.#lastMark = undefined;
    let end = 0;
    const onDamage = (start: number, length: number) => {
      const isTail = isLast && start + length === bytes.length;
      // The process was killed while it wrote: nothing in that frame was confirmed. After a power cut, the marks tell.
      if (!isTail || isUnfinished(bytes, start, this.#nextSequence)) this.#losses.damaged(length);
      else this.#losses.tailDamaged(length);
    };
    for (const frame of framesIn(bytes, seed, onDamage)) {
      // Left over from a failed write, whose truncation a power cut has undone.
      if (frame.sequence < this.#nextSequence) continue;
      const change = changeOf(frame);
      if (change === undefined) {
        // A valid checksum, but an impossible body.
        onDamage(frame.start, frame.end - frame.start);
        continue;
      }
      if (change.mark?.kind === "opened" && change.mark.version !== JOURNAL_VERSION) {
        this.#journal.segments.pop();
        this.#losses.otherVersion(path);
        return;
      }
      if (this.#isMissingBefore(frame, change)) {
        if (await this.#isCutHere(number)) return this.#endAt(path, end, bytes.length);
        this.#losses.missing();
      }
      end = frame.end;
      this.#hasFrames = true;
      this.#nextSequence = frame.sequence + 1;
      this.#note(change.mark, number);
      await this.#replay.apply(change);
    }
    const isBegun = isLast && (bytes.length === 0 || isUnfinished(bytes, 0, this.#nextSequence));
    // The process was killed before it had written the first frame: the segment before it tells how the journal ends.
    if (end === 0 && isBegun) this.#lastMark = markBefore;
    if (end > 0 || bytes.length === 0) return;
    if (isTorn(bytes) && (await this.#isCutHere(number))) return this.#endAt(path, 0, bytes.length);
    if (isBegun) return this.#empty(path);
    this.#journal.segments.pop();
    this.#losses.unreadable(path, bytes.length);
  }

  #note(mark: Mark | undefined, segment: number): void {
    if (mark === undefined) return;
    this.#lastMark = mark;
    if (mark.kind !== "opened") return;
    this.#opened = mark;
    if (segment === this.#segments[0]) this.#firstNumber = mark.nextNumber;
  }

  /** Whether frames are missing between this one and the last. */
  #isMissingBefore({ sequence, start }: Frame, { unused = 0 }: Change): boolean {
    // Frames before the first segment aren't missing: they were deleted.
    return this.#hasFrames ? sequence - unused > this.#nextSequence : start > 0;
  }

  /**
   * Whether a power cut kept the missing frames from the disk.
   *
   * If so, the frames after them are from the same moment: they weren't confirmed as durable either, and depend on the
   * missing ones. Half a settlement would be worse than none. Otherwise, the missing frames were damaged on the disk.
   */
  async #isCutHere(segment: number): Promise<boolean> {
    this.#laterFrames ??= await readLaterFrames(
      this.#options,
      this.#segments.filter((number) => number >= segment),
    );
    const { last, opened = this.#opened, flushedThrough } = this.#laterFrames;
    const wasCut = last?.kind !== "closed" && opened !== undefined && opened.boot !== this.#options.boot;
    return wasCut && flushedThrough < this.#nextSequence;
  }

  async #endAt(path: string, end: number, bytes: number): Promise<"ends here"> {
    this.#losses.cut(bytes - end);
    const segment = this.#journal.segments.at(-1);
    if (segment !== undefined) segment.bytes = end;
    this.#opened = this.#laterFrames?.opened ?? this.#opened;
    this.#cutPath = { path, end };
    return "ends here";
  }

  /** So that the next recovery doesn't take its bytes for damage. */
  async #empty(path: string): Promise<undefined> {
    await this.#options.files.shorten(path, 0);
    const segment = this.#journal.segments.at(-1);
    if (segment !== undefined) segment.bytes = 0;
  }

  /** Deletes everything after the journal's end, the last file first: none of it may reappear after new frames. */
  async #forget(later: readonly number[]): Promise<void> {
    const { files, folder } = this.#options;
    for (const number of later.toReversed()) {
      await files.remove(join(folder, segmentName(number)));
      await files.syncFolder(folder);
    }
    const { path = "", end = 0 } = this.#cutPath ?? {};
    await files.shorten(path, end);
  }

  /**
   * Flushes what an earlier process has written.
   * @returns the sequence number up to which all frames are on disk; 0 if that is unknown, as the flush failed
   */
  async #flushed(): Promise<number> {
    const { files, folder } = this.#options;
    if (this.#lastMark?.kind === "closed") return this.#nextSequence - 1;
    try {
      for (const { path } of this.#journal.segments) {
        const file = files.openForReading(path);
        await file.sync().finally(() => file.close());
      }
      await files.syncFolder(folder);
    } catch {
      // Everything could be read: it must not be given up.
      return 0;
    }
    return this.#nextSequence - 1;
  }
}

/** Whether a file starts like one of this version, or with a sector that was never written. */
function isTorn(bytes: Buffer): boolean {
  return beginsWithMagic(bytes) || bytes.subarray(0, FRAME_HEADER_BYTES).every((byte) => byte === 0);
}
