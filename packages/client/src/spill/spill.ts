/**
 * The spill: a folder of bounded size, for what memory shouldn't hold while the broker is away, and for what is left
 * when the process ends.
 *
 * Records are in segments, files of about a megabyte that are written, then read, then removed. A segment's name has its id and
 * its owner (`owner.ts`); a client takes over the segments whose owner runs no longer, by renaming them.
 *
 * Promises: what `write` has written outlives the process, kill -9 included; a file cut off costs one record.
 * Beyond its bound the oldest segment goes, and its records are counted. A segment that has vanished or can't be read costs
 * its own records, which are counted and reported, and holds up nothing; a folder that is removed is made again. It loses what the system had not yet put
 * on the disk when the power fails: there is no fsync, for the life of the flash that it is on.
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

export interface SpillSettings {
  readonly folder: string;
  /** The most that the folder may hold of one process' records, in bytes. */
  readonly maxBytes: number;
}

export interface SpillListener {
  onSpillDropped(reason: "spill_full" | "spill_torn" | "spill_lost", records: number): void;
  /** The folder or a file can't be used. */
  onError(error: Error): void;
  /** Another client's records were found. */
  onRecovered(records: number): void;
}

export interface Segment {
  readonly id: string;
  path: string;
  bytes: number;
  /** Those that are not sent yet. */
  records: number;
  /** False for the segment of another client until it is read. */
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

  /** Writes a batch, whole or not at all. Throws if the disk refuses. */
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

  /** The oldest segment, to be sent; nothing more is written to it. */
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

  /** A part of a segment was stored: it counts as spilled no longer. */
  sent(segment: Segment, records: number): void {
    segment.records -= records;
  }

  /** A segment was sent: it goes. What it still counts was never readable. */
  remove(segment: Segment): void {
    this.#forget(segment);
    this.#removeFile(segment);
    if (segment.records > 0) this.#listener.onSpillDropped("spill_torn", segment.records);
  }

  /** Gives the segments up, so that another client may take them over while this process lives. */
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

  /** Takes back what was written of a batch. Where even that fails, a torn line stays, and nothing follows it. */
  #undo(segment: Segment, file: number): void {
    try {
      ftruncateSync(file, segment.bytes);
    } catch {
      // The reader passes over a torn line and counts it.
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

  /** A segment that has vanished, or can't be read: its records are lost here, and nothing waits for it. */
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
      // Another user's, which only that user's clients can send.
      if (bytes === undefined) continue;
      const segment = { id, path, bytes, records: 0, counted: false };
      // Another client may have been quicker.
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

  /** The one that is being sent stays: its records may be stored already. */
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
