/**
 * Keeps memory, the journal and the number of runs within their bounds, in the background.
 *
 * - If a queue has too many records in memory, they are written to a run.
 * - The last records of the oldest segment are copied to the current one, so that the segment can be deleted.
 * - Overlapping runs are merged.
 * - Segments and runs without records are deleted, once the removals of their records are on disk.
 *
 * If any of this fails, nothing is lost: the records stay where they were.
 */
import { join } from "node:path";
import type { Position } from "../store.js";
import { isOutOfRoom, StoreFullError } from "../store-error.js";
import type { BlockCache } from "./block-cache.js";
import type { Commits } from "./commits.js";
import type { Content } from "./content.js";
import { runName, UNFINISHED } from "./file-names.js";
import type { FileSystem } from "./files.js";
import type { Journal, Segment } from "./journal.js";
import type { Entry } from "./memory-table.js";
import { chooseMerge, mergeRuns } from "./merge.js";
import { openRun } from "./open-run.js";
import type { QueueContent } from "./queue-content.js";
import type { Run } from "./run.js";
import type { RunHead } from "./run-format.js";
import { RunWriter } from "./run-writer.js";

export interface Limits {
  /** Bytes of records in memory, roughly, above which they are written to a run. */
  readonly memoryBytes: number;
  /** Number of segments above which the oldest is emptied. */
  readonly segments: number;
  /** Up to this many bytes of the oldest segment's last records are copied; more go to a run. */
  readonly carriedBytes: number;
}

export interface UpkeepOptions {
  readonly content: Content;
  readonly journal: Journal;
  readonly commits: Commits;
  readonly files: FileSystem;
  readonly folder: string;
  readonly cache: BlockCache;
  readonly limits: Limits;
  readonly nextRun: number;
  /** Runs to delete after the segments that still name them: see `recover.ts`. */
  readonly unneeded: readonly Run[];
  /** Whether the disk has room for more than removals. */
  hasRoom(): boolean;
  /** Runs this while no call changes the store. */
  task(run: () => Promise<void>): Promise<void>;
  /** Called with each new run. */
  watch(run: Run): void;
  /** Called with failures, except that of a full disk. */
  onError(error: unknown): void;
}

/** Number of records that are written to a run before it yields to other work. */
const SLICE = 200;
/** On a full disk, bytes of the oldest segment that may be copied: few enough to leave room for removals. */
const MAX_CARRIED_WITHOUT_ROOM = 8 * 1024;
/** Pause after a failure. */
const REST_MS = 2_000;

export class Upkeep {
  readonly #options: UpkeepOptions;
  #nextRun: number;
  #spilling: Promise<void> | undefined;
  #merging: Promise<void> | undefined;
  /** Runs that are being merged, and below, runs whose records are in another one now. */
  #inMerge: ReadonlySet<Run> = new Set();
  readonly #replaced: Run[] = [];
  #isEnding = false;
  /** End of the pause, by `performance.now()`. */
  #restsUntil = Number.NEGATIVE_INFINITY;
  /** Total bytes of the runs written. */
  bytesWritten = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#nextRun = options.nextRun;
    this.#replaced.push(...options.unneeded);
  }

  /** To be called after changes. */
  check(): void {
    const { content, limits } = this.#options;
    if (content.memoryBytes() > limits.memoryBytes && this.#options.hasRoom()) this.#spill(largest(content));
    else this.#emptyOldestSegment();
  }

  /** Resolves when memory has room for more records; undefined if it has room now. */
  roomInMemory(): Promise<void> | undefined {
    const { content, limits } = this.#options;
    return content.memoryBytes() > 2 * limits.memoryBytes ? this.#spilling : undefined;
  }

  /** Aborts the current work; the records stay where they are. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all([this.#spilling, this.#merging]);
  }

  /** @returns deletes the files that are no longer needed; to be called once everything written so far is on disk */
  spent(): () => Promise<void> {
    const { content, journal, files } = this.#options;
    // A run that isn't named yet must not outlive the segments with the removals of its records.
    const segments: readonly Segment[] = this.#spilling === undefined ? journal.spent() : [];
    const runs = this.#replaced.splice(0);
    for (const queue of content.queues.values()) {
      runs.push(...queue.runs.filter((run) => run.size === 0 && !this.#inMerge.has(run)));
    }
    return async () => {
      await journal.delete(segments);
      for (const run of runs) {
        const queue = content.queue(run.parts.queue);
        queue.runs = queue.runs.filter((one) => one !== run);
        run.close();
        await files.remove(run.parts.path);
      }
    };
  }

  #emptyOldestSegment(): void {
    const { journal, limits } = this.#options;
    const [oldest, second] = journal.segments;
    if (oldest === undefined || second === undefined) return;
    // On a full disk, a few remaining records must not keep the whole segment's space.
    if (journal.segments.length <= limits.segments && this.#options.hasRoom()) return;
    if (oldest.live === 0 || this.#spilling !== undefined || this.#isResting()) return;
    this.#spilling = this.#options
      .task(() => this.#carry(second.firstNumber))
      .catch(this.#failed)
      .finally(() => {
        this.#spilling = undefined;
      });
  }

  #isResting(): boolean {
    return performance.now() < this.#restsUntil;
  }

  /** Pauses, as a retry would fail again. A full disk is reported by the writes that find no room. */
  readonly #failed = (error: unknown): void => {
    this.#restsUntil = performance.now() + REST_MS;
    if (this.#isEnding || isOutOfRoom(error) || error instanceof StoreFullError) return;
    this.#options.onError(error);
  };

  /** Copies every record in memory to a new segment, so that all earlier ones can be deleted. */
  async rewrite(): Promise<void> {
    const { content, journal } = this.#options;
    // The head of the next segment has everything except records.
    journal.end();
    for (const queue of content.queues.values()) {
      const { table, frozen } = queue;
      await this.#carryAll(queue, [...table.after(undefined), ...(frozen?.table.after(undefined) ?? [])]);
    }
  }

  /** Copies the records in memory with a number below this, or starts to write them to a run. */
  async #carry(below: number): Promise<void> {
    const { content, limits, hasRoom } = this.#options;
    for (const queue of content.queues.values()) {
      const old = [...queue.table.after(undefined)].filter(({ number }) => number < below);
      const bytes = old.reduce((sum, { id, value = "" }) => sum + id.length + value.length, 0);
      if (bytes <= (hasRoom() ? limits.carriedBytes : MAX_CARRIED_WITHOUT_ROOM))
        await this.#carryAll(queue, old);
      else if (hasRoom()) setImmediate(() => this.#spill(queue));
      else throw new StoreFullError("the last records of a segment find no room elsewhere");
    }
  }

  async #carryAll({ name: queue }: QueueContent, entries: readonly Entry[]): Promise<void> {
    const { content, commits } = this.#options;
    for (let first = 0; first < entries.length; first += SLICE) {
      const part = entries.slice(first, first + SLICE);
      const removal = {
        queue,
        numbers: part.map(({ number }) => number),
        entries: part,
        ordinals: new Map(),
      };
      const writes = [{ queue, first: content.nextNumber, records: part }];
      await commits.commit([{ removals: [removal], writes }]);
    }
  }

  #spill(queue: QueueContent | undefined): void {
    if (queue === undefined || this.#spilling !== undefined || this.#isEnding || this.#isResting()) return;
    this.#spilling = this.#writeTable(queue)
      .catch((error) => {
        queue.thaw();
        this.#failed(error);
      })
      .finally(() => {
        this.#spilling = undefined;
        this.#merge(queue);
      });
  }

  async #writeTable(queue: QueueContent): Promise<void> {
    const { content, commits } = this.#options;
    const { table, below } = queue.freeze(content.nextNumber);
    const written: Entry[] = [];
    let lowest = below;
    for (const { number } of table.after(undefined)) lowest = Math.min(lowest, number);
    const run = await this.#writeRun({ queue: queue.name, lowest, replaces: [] }, async (writer) => {
      let from: Position | undefined;
      for (;;) {
        let count = 0;
        for (const entry of table.after(from)) {
          written.push(entry);
          writer.add(entry);
          from = entry;
          if (++count === SLICE) break;
        }
        if (count < SLICE) return;
        await this.#giveWay(writer);
      }
    });
    await this.#name(run, async () => {
      const removed = written.flatMap((entry, ordinal) => (entry.live ? [] : [ordinal]));
      const { count } = run.parts;
      const change = { queue: queue.name, run: run.id, below, replaces: [], removed, count };
      await commits.commit([{ runs: [change] }]);
      for (const ordinal of removed) run.removed.add(ordinal);
      queue.takeRun(run, below, []);
    });
  }

  #merge(queue: QueueContent): void {
    if (this.#merging !== undefined || this.#isEnding || this.#isResting()) return;
    const chosen = this.#options.hasRoom() ? chooseMerge(queue.runs) : [];
    if (chosen.length < 2) return;
    this.#inMerge = new Set(chosen);
    this.#merging = this.#mergeRuns(queue, chosen)
      .catch(this.#failed)
      .finally(() => {
        this.#merging = undefined;
        this.#inMerge = new Set();
      });
  }

  async #mergeRuns(queue: QueueContent, runs: readonly Run[]): Promise<void> {
    const { commits } = this.#options;
    let leftSince = async (_: Run): Promise<readonly number[]> => [];
    const replaces = runs.map(({ id }) => id);
    const merged = await this.#writeRun({ queue: queue.name, lowest: 0, replaces }, async (writer) => {
      leftSince = await mergeRuns(runs, writer, () => this.#giveWay(writer));
    });
    await this.#name(merged, async () => {
      const removed = await leftSince(merged);
      const { count } = merged.parts;
      const below = Math.max(...runs.map((run) => run.below));
      const change = { queue: queue.name, run: merged.id, below, replaces, removed, count };
      await commits.commit([{ runs: [change] }]);
      for (const ordinal of removed) merged.removed.add(ordinal);
      queue.takeRun(merged, below, replaces);
    });
    // Their files are needed until this change is on disk.
    this.#replaced.push(...runs);
  }

  /** Writes a run and opens it. It becomes part of the store when the journal names it. */
  async #writeRun(
    head: Omit<RunHead, "version" | "run">,
    write: (writer: RunWriter) => Promise<void>,
  ): Promise<Run> {
    const { files, folder, cache, watch } = this.#options;
    const id = this.#nextRun++;
    const path = join(folder, runName(id));
    const writer = new RunWriter(files, path + UNFINISHED, { run: id, ...head });
    try {
      await write(writer);
      await writer.finish();
      await files.rename(path + UNFINISHED, path);
    } catch (error) {
      writer.close();
      await files.remove(path + UNFINISHED);
      throw error;
    }
    const opened = await openRun(files, path, id, cache);
    if (opened === undefined) throw new Error(`the run ${path} can't be read back`);
    this.bytesWritten += opened.run.parts.bytes;
    watch(opened.run);
    return opened.run;
  }

  /** Names the run in the journal, or deletes it if that fails. */
  async #name(run: Run, commit: () => Promise<void>): Promise<void> {
    try {
      await this.#options.task(commit);
    } catch (error) {
      run.close();
      await this.#options.files.remove(run.parts.path);
      throw error;
    }
  }

  async #giveWay(writer: RunWriter): Promise<void> {
    await writer.flush();
    await new Promise(setImmediate);
    if (this.#isEnding) throw new Ended();
  }
}

class Ended extends Error {}

function largest(content: Content): QueueContent | undefined {
  return [...content.queues.values()].sort((a, b) => b.memoryBytes - a.memoryBytes)[0];
}
