/**
 * The spill: a folder of bounded size, for what memory shouldn't hold while the broker is away, and for what is left
 * when the process ends.
 *
 * Records lie in segments, files of about a megabyte that are written, then read, then removed. A segment's name has its id and
 * its owner (`owner.ts`); a client takes over the segments whose owner runs no longer, by renaming them.
 *
 * Promises: what `write` has written outlives the process, kill -9 included; a file cut off costs one record.
 * Beyond its bound the oldest segment goes, and its records are counted. It loses what the system had not yet put
 * on the disk when the power fails: there is no fsync, for the life of the flash that it lies on.
 */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sortedNumber } from "../ids.js";
import type { Rows } from "../rows.js";
import { isAlive, NOBODY, thisProcess } from "./owner.js";
import { batchText, type Doubt, type ParsedSegment, parseSegment } from "./segment-text.js";

export interface SpillSettings {
  readonly folder: string;
  /** The most that the folder may hold of one process' records, in bytes. */
  readonly maxBytes: number;
}

export interface SpillListener {
  onSpillDropped(reason: "spill_full" | "spill_torn", records: number): void;
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

const NO_BATCHES: ParsedSegment = { batches: [], torn: 0 };
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

  constructor(settings: SpillSettings, clientId: string, listener: SpillListener) {
    this.#settings = settings;
    this.#clientId = clientId;
    this.#listener = listener;
    makeFolder(settings.folder);
    this.#adopt();
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
    const segment = this.#segments[0];
    if (segment === undefined) return undefined;
    this.#reading = segment;
    if (this.#segments.length === 1) this.#seal();
    const parsed = parseSegment(await readFile(segment.path, "utf8"));
    this.#count(segment, parsed);
    return { segment, ...parsed };
  }

  /** A part of a segment was stored: it counts as spilled no longer. */
  sent(segment: Segment, records: number): void {
    segment.records -= records;
  }

  /** A segment was sent: it goes. What it still counts was never readable. */
  remove(segment: Segment): void {
    rmSync(segment.path, { force: true });
    const index = this.#segments.indexOf(segment);
    if (index >= 0) this.#segments.splice(index, 1);
    this.#reading = undefined;
    if (segment.records > 0) this.#listener.onSpillDropped("spill_torn", segment.records);
  }

  /** Gives the segments up, so that another client may take them over while this process lives. */
  release(): void {
    this.#seal();
    for (const segment of this.#segments) this.#own(segment, NOBODY);
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

  #adopt(): void {
    for (const name of readdirSync(this.#settings.folder).sort()) {
      const [, id, owner] = /^([\w-]+)\.([\w-]+)\.spill$/.exec(name) ?? [];
      if (id === undefined || owner === undefined || isAlive(owner)) continue;
      const segment = { id, path: join(this.#settings.folder, name), bytes: 0, records: 0, counted: false };
      // Another client may have been quicker.
      if (!this.#own(segment, this.#owner)) continue;
      segment.bytes = statSync(segment.path).size;
      this.#segments.push(segment);
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
    if (this.#open !== undefined && last !== undefined && last.bytes < SEGMENT_BYTES)
      return { segment: last, file: this.#open };
    this.#seal();
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
      this.#count(oldest, oldest.counted ? NO_BATCHES : parseSegment(readFileSync(oldest.path, "utf8")));
      rmSync(oldest.path, { force: true });
      bytes -= oldest.bytes;
      this.#listener.onSpillDropped("spill_full", oldest.records);
    }
  }
}

/** Not `mkdir` with `recursive`: where a parent refuses with ENOENT, as in /proc, Node 20 tries it again for ever. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have been quicker.
    if (!existsSync(path)) throw error;
  }
}
