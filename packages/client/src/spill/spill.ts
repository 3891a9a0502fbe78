/**
 * The spill: a folder of bounded size for records during an outage of the broker, and for those left at the end of the process.
 *
 * Records are in segments: files of about a megabyte that are written, then read, then removed. A segment's name has its id
 * and its owner (`owner.ts`). A client takes over segments whose owner is no longer running, by renaming them.
 *
 * Promises: records that `write` has written survive the process, even kill -9; a truncated file costs one record. Beyond the
 * limit, the oldest segment is dropped and its records are counted. A segment that vanishes or can't be read costs only its
 * own records, which are counted and reported, and blocks nothing. A removed folder is created again.
 * A power cut loses what the system had not written to the disk yet: there is no fsync, to spare flash memory.
 */
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { messageOf } from "@chouette-iot/record";
import { asError, isError } from "../any-error.js";
import { sortedNumber } from "../ids.js";
import type { Rows } from "../rows.js";
import { isAlive, NOBODY, thisProcess } from "./owner.js";
import { isStillAt, makeFolder, moveAway, removeFile, usableBytes } from "./segment-file.js";
import { batchText, type Doubt, type ParsedSegment, parseSegment } from "./segment-text.js";
import type { SpillListener, SpillSettings } from "./spill-options.js";

export interface Segment {
  readonly id: string;
  path: string;
  bytes: number;
  /** Number of records that haven't been sent yet. */
  records: number;
  /** Whether `records` is known: false for another client's segment until it is read. */
  counted: boolean;
}

const SEGMENT_BYTES = 1024 * 1024;

export class Spill {
  readonly #settings: SpillSettings;
  readonly #clientId: string;
  readonly #listener: SpillListener;
  readonly #owner = thisProcess();
  /** Oldest first; the last may still be written to. */
  readonly #segments: Segment[] = [];
  #begun = 0;
  #open: number | undefined;
  #reading: Segment | undefined;
  #isAdopted = false;

  constructor(settings: SpillSettings, clientId: string, listener: SpillListener) {
    this.#settings = settings;
    this.#clientId = clientId;
    this.#listener = listener;
    try {
      this.#openFolder();
    } catch (error) {
      // The next write tries again.
      listener.onError(asError(error));
    }
  }

  get records(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.records, 0);
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }

  /** Writes a batch completely or not at all. Throws if the disk refuses. */
  write(rows: Rows, doubt?: Doubt): void {
    const bytes = Buffer.from(batchText(rows, doubt));
    const { segment, file } = this.#writable();
    try {
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
    } catch (error) {
      this.#undo(segment, file);
      throw error;
    }
    segment.bytes += bytes.length;
    segment.records += rows.ids.length;
    this.#bound();
  }

  /** Reads the oldest segment, to be sent; nothing more is written to it. Undefined if there is none. Never rejects. */
  async read(): Promise<(ParsedSegment & { readonly segment: Segment }) | undefined> {
    for (let segment = this.#segments[0]; segment !== undefined; segment = this.#segments[0]) {
      this.#reading = segment;
      if (this.#segments.length === 1) this.#seal();
      try {
        const parsed = parseSegment(await readFile(segment.path, "utf8"));
        this.#count(segment, parsed);
        return { segment, ...parsed };
      } catch (error) {
        this.#lose(segment, error);
      }
    }
    return undefined;
  }

  /** Some records of a segment were stored, and no longer count as spilled. */
  sent(segment: Segment, records: number): void {
    segment.records -= records;
  }

  /** Removes a segment that was sent. Records that it still counts were unreadable, and are counted as torn. */
  remove(segment: Segment): void {
    this.#forget(segment);
    this.#removeFile(segment);
    if (segment.records > 0) this.#listener.onSpillDropped("spill_torn", segment.records);
  }

  /** Releases all segments, so that other clients may take them over while this process is running. */
  release(): void {
    this.#seal();
    for (const segment of this.#segments) this.#own(segment, NOBODY);
  }

  /** Returns false if the segment can't be read. */
  #countUnread(segment: Segment): boolean {
    try {
      this.#count(segment, parseSegment(readFileSync(segment.path, "utf8")));
      return true;
    } catch (error) {
      this.#lose(segment, error);
      return false;
    }
  }

  #count(segment: Segment, { batches, torn }: ParsedSegment): void {
    if (segment.counted) return;
    segment.counted = true;
    segment.records = batches.reduce((sum, { rows }) => sum + rows.ids.length, torn);
    this.#listener.onRecovered(segment.records);
  }

  /** Undoes a partial write. If even that fails, a torn line stays, and nothing is written after it. */
  #undo(segment: Segment, file: number): void {
    try {
      ftruncateSync(file, segment.bytes);
    } catch {
      // The reader skips a torn line and counts it.
    } finally {
      this.#seal();
    }
  }

  #openFolder(): void {
    makeFolder(this.#settings.folder);
    if (this.#isAdopted) return;
    this.#adopt();
    this.#isAdopted = true;
  }

  /** Gives up a segment that has vanished or can't be read, and reports its records. */
  #lose(segment: Segment, error: unknown): void {
    this.#forget(segment);
    const isGone = isError(error) && "code" in error && error.code === "ENOENT";
    const place = isGone ? undefined : moveAway(segment.path);
    const what = isGone ? "has vanished" : `can't be read: ${messageOf(error)}`;
    const records = segment.counted ? `${segment.records} records are` : "an unknown number of records is";
    const moved = place === undefined ? "" : `; it was moved to ${basename(place)}`;
    const message = `the spill file ${basename(segment.path)} ${what}; ${records} lost${moved}`;
    this.#listener.onError(new Error(message));
    if (segment.records > 0) this.#listener.onSpillDropped("spill_lost", segment.records);
  }

  #forget(segment: Segment): void {
    const index = this.#segments.indexOf(segment);
    if (index >= 0) this.#segments.splice(index, 1);
    if (this.#reading === segment) this.#reading = undefined;
  }

  #removeFile({ path }: Segment): void {
    try {
      removeFile(path);
    } catch (error) {
      this.#listener.onError(new Error(`a spill file that was sent can't be removed: ${messageOf(error)}`));
    }
  }

  #adopt(): void {
    for (const name of readdirSync(this.#settings.folder).sort()) {
      const [, id, owner] = /^([\w-]+)\.([\w-]+)\.spill$/.exec(name) ?? [];
      if (id === undefined || owner === undefined || isAlive(owner)) continue;
      const path = join(this.#settings.folder, name);
      const bytes = usableBytes(path);
      // Another user's file, which only that user's clients can send.
      if (bytes === undefined) continue;
      const segment = { id, path, bytes, records: 0, counted: false };
      // Another client may have been faster.
      if (this.#own(segment, this.#owner)) this.#segments.push(segment);
    }
  }

  #own(segment: Segment, owner: string): boolean {
    const path = join(this.#settings.folder, `${segment.id}.${owner}.spill`);
    try {
      renameSync(segment.path, path);
      segment.path = path;
      return true;
    } catch {
      return false;
    }
  }

  #writable(): { segment: Segment; file: number } {
    const last = this.#segments.at(-1);
    if (this.#open !== undefined && last !== undefined) {
      const isThere = isStillAt(last.path, this.#open);
      if (isThere && last.bytes < SEGMENT_BYTES) return { segment: last, file: this.#open };
      this.#seal();
      if (!isThere) this.#lose(last, Object.assign(new Error(), { code: "ENOENT" }));
    }
    this.#openFolder();
    const id = this.#clientId + sortedNumber(this.#begun++);
    const path = join(this.#settings.folder, `${id}.${this.#owner}.spill`);
    const segment = { id, path, bytes: 0, records: 0, counted: true };
    this.#open = openSync(path, "a", 0o600);
    this.#segments.push(segment);
    return { segment, file: this.#open };
  }

  #seal(): void {
    if (this.#open !== undefined) closeSync(this.#open);
    this.#open = undefined;
  }

  /** Drops the oldest segments beyond the limit, except one being sent, whose records may be stored already. */
  #bound(): void {
    let bytes = this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
    while (bytes > this.#settings.maxBytes && this.#segments.length > 1) {
      const index = this.#segments[0] === this.#reading ? 1 : 0;
      const [oldest] = this.#segments.splice(index, 1);
      if (oldest === undefined) return;
      if (this.#segments.length === index) this.#seal();
      bytes -= oldest.bytes;
      if (!oldest.counted && !this.#countUnread(oldest)) continue;
      this.#removeFile(oldest);
      this.#listener.onSpillDropped("spill_full", oldest.records);
    }
  }
}
