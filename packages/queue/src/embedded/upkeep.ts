/**
 * Keeps memory, the journal and the number of runs within their bounds, beside the calls.
 *
 * - A queue's records in memory that are too many are written to a run.
 * - The oldest segment's last records are written again, to the current one, so that it can be deleted.
 * - Runs that lie over one another are merged.
 * - Segments and runs whose records have all left are deleted, once what made them leave is on disk.
 *
 * If any of it fails, nothing is lost: what was to be moved is where it was.
 */
import { join } from "node:path";
import type { Position } from "../store.js";
import { isOutOfRoom, StoreFullError } from "../store-full.js";
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
  /** Bytes of records in memory, roughly, from which on they are written to a run. */
  readonly memoryBytes: number;
  /** Segments of the journal, from which on the oldest is emptied. */
  readonly segments: number;
  /** Of the oldest segment's last records, up to this many bytes are written again; more go to a run. */
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
  /** Runs that aren't needed once the segments that are spent now are deleted. */
  readonly unneeded: readonly Run[];
  /** Whether the disk has room for more than removals. */
  hasRoom(): boolean;
  /** Carries this out while no call changes the store. */
  task(run: () => Promise<void>): Promise<void>;
  /** Called with each run that is made. */
  watch(run: Run): void;
  /** Called with what could not be done. */
  onError(error: unknown): void;
}

/** Records that are written to a run before others have their turn. */
const SLICE = 200;
/** Of the oldest segment's last records, on a full disk: so few that removals find room all the same. */
const MAX_CARRIED_WITHOUT_ROOM = 8 * 1024;
/** How long nothing is begun after something failed, in milliseconds. */
const REST_MS = 2_000;

export class Upkeep {
  readonly #options: UpkeepOptions;
  #nextRun: number;
  #spilling: Promise<void> | undefined;
  #merging: Promise<void> | undefined;
  /** Runs that are being merged, and those whose records are in another one now. */
  #inMerge: ReadonlySet<Run> = new Set();
  readonly #replaced: Run[] = [];
  #isEnding = false;
  /** Nothing is begun before, by `performance.now()`. */
  #restsUntil = Number.NEGATIVE_INFINITY;
  /** Bytes of runs that were written. */
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

  /** Resolves when memory has room for more records; undefined if it has. */
  roomInMemory(): Promise<void> | undefined {
    const { content, limits } = this.#options;
    return content.memoryBytes() > 2 * limits.memoryBytes ? this.#spilling : undefined;
  }

  /** Ends what is under way; what it was to move stays in place. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all([this.#spilling, this.#merging]);
  }

  /** What can be deleted once all that was written so far is on disk. */
  spent(): () => Promise<void> {
    const { content, journal, files } = this.#options;
    // A run that is never named must not outlive the segments that say what left of it.
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
    // On a full disk a few records that stay must not keep the room of all behind them.
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

  /** What can't be done now would fail again at once. A full disk is reported by who finds no room for records. */
  readonly #failed = (error: unknown): void => {
    this.#restsUntil = performance.now() + REST_MS;
    if (this.#isEnding || isOutOfRoom(error) || error instanceof StoreFullError) return;
    this.#options.onError(error);
  };

  /** Writes every record in memory again, so that the segments that are there can be deleted. */
  async rewrite(): Promise<void> {
    const { content, journal } = this.#options;
    // The next segment begins with all that isn't a record.
    journal.end();
    for (const queue of content.queues.values()) {
      const { table, frozen } = queue;
      await this.#carryAll(queue, [...table.after(undefined), ...(frozen?.table.after(undefined) ?? [])]);
    }
  }

  /** Writes the records in memory with a number below this one again, or has them written to a run. */
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
    // Their files are needed until the change is on disk.
    this.#replaced.push(...runs);
  }

  /** Writes a run and opens it. It counts once the journal names it. */
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

  /** Has the run named in the journal, or deletes it. */
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
