/**
 * Makes runs: of a queue's records in memory, and of several runs.
 *
 * Promises: a run is part of the store once the journal names it, in one step with what it replaces. If anything fails before,
 * the new file is deleted and the records are where they were. It reads and writes in the background, a slice at a time.
 */
import { join } from "node:path";
import { counterName } from "../disposition.js";
import type { Position } from "../store.js";
import type { BlockCache } from "./block-cache.js";
import type { RunChange } from "./change.js";
import type { Commits } from "./commits.js";
import { runName, UNFINISHED } from "./file-names.js";
import type { FileSystem } from "./files.js";
import type { Entry, Table } from "./memory-table.js";
import { mergeRuns } from "./merge.js";
import { openRun } from "./open-run.js";
import type { QueueContent } from "./queue-content.js";
import type { Run } from "./run.js";
import type { RunHead } from "./run-format.js";
import { RunWriter } from "./run-writer.js";

export interface RunMakerOptions {
  readonly commits: Commits;
  readonly files: FileSystem;
  readonly folder: string;
  readonly cache: BlockCache;
  readonly nextRun: number;
  /** Runs this while no call changes the store. */
  task(run: () => Promise<void>): Promise<void>;
  /** Called with errors that belong to no call. */
  onError(error: unknown): void;
}

/** Number of records that are written to a run before it yields to other work. */
const SLICE = 200;

export class RunMaker {
  readonly #options: RunMakerOptions;
  #nextRun: number;
  #isEnding = false;
  /** Total bytes of the runs written. */
  bytesWritten = 0;

  constructor(options: RunMakerOptions) {
    this.#options = options;
    this.#nextRun = options.nextRun;
  }

  /** Aborts the work in progress, which then rejects. */
  end(): void {
    this.#isEnding = true;
  }

  /** Moves the queue's records from memory to a new run. On failure, they are still frozen. */
  async spill(queue: QueueContent, nextNumber: number): Promise<void> {
    const { table, below } = queue.freeze(nextNumber);
    let lowest = below;
    for (const { number } of table.after(undefined)) lowest = Math.min(lowest, number);
    const [run, written] = await this.#write({ queue: queue.name, lowest, replaces: [] }, (writer) =>
      this.#writeTable(table, writer),
    );
    await this.#name(queue, run, async () => {
      const removed = written.flatMap((entry, ordinal) => (entry.live ? [] : [ordinal]));
      return { below, replaces: [], removed };
    });
  }

  /** Replaces these runs of the queue by one. Their files are needed until that change is on disk. */
  async merge(queue: QueueContent, runs: readonly Run[]): Promise<void> {
    const replaces = runs.map(({ id }) => id);
    const [merged, leftSince] = await this.#write({ queue: queue.name, lowest: 0, replaces }, (writer) =>
      mergeRuns(runs, writer, () => this.#giveWay(writer)),
    );
    await this.#name(queue, merged, async () => {
      const below = Math.max(...runs.map((run) => run.below));
      return { below, replaces, removed: await leftSince(merged) };
    });
  }

  /** Counts the records of each block of the run that turns out to be unreadable, and reports it. */
  watch(run: Run): void {
    const { commits, task, onError } = this.#options;
    run.onDamage = (ordinals) => {
      const lose = async () => {
        const lost = ordinals.filter((ordinal) => !run.removed.has(ordinal));
        if (lost.length === 0) return;
        const { queue, path } = run.parts;
        onError(new Error(`${lost.length} records in ${path} can't be read`));
        await commits.commitRemoval({
          removals: [{ queue, numbers: [], ordinals: new Map([[run.id, lost]]) }],
          increments: new Map([[counterName(queue, "damaged"), lost.length]]),
        });
      };
      void task(lose).catch(onError);
    };
  }

  async #writeTable(table: Table, writer: RunWriter): Promise<readonly Entry[]> {
    const written: Entry[] = [];
    let from: Position | undefined;
    for (;;) {
      let count = 0;
      for (const entry of table.after(from)) {
        written.push(entry);
        writer.add(entry);
        from = entry;
        if (++count === SLICE) break;
      }
      if (count < SLICE) return written;
      await this.#giveWay(writer);
    }
  }

  /** Writes a run and opens it. @returns what `write` does as well */
  async #write<T>(
    head: Omit<RunHead, "version" | "run">,
    write: (writer: RunWriter) => Promise<T>,
  ): Promise<[run: Run, result: T]> {
    const { files, folder, cache } = this.#options;
    const id = this.#nextRun++;
    const path = join(folder, runName(id));
    const writer = new RunWriter(files, path + UNFINISHED, { run: id, ...head });
    try {
      const result = await write(writer);
      await writer.finish();
      await files.rename(path + UNFINISHED, path);
      const opened = await openRun(files, path, id, cache);
      if (opened === undefined) throw new Error(`the run ${path} can't be read back`);
      this.bytesWritten += opened.run.parts.bytes;
      this.watch(opened.run);
      return [opened.run, result];
    } catch (error) {
      writer.close();
      for (const name of [path + UNFINISHED, path]) await files.remove(name);
      throw error;
    }
  }

  /** Names the run in the journal, with what it replaces at that moment; deletes it if that fails. */
  async #name(
    queue: QueueContent,
    run: Run,
    replacement: () => Promise<Pick<RunChange, "below" | "replaces" | "removed">>,
  ): Promise<void> {
    const { commits, files, task } = this.#options;
    const name = async () => {
      const { below, replaces, removed } = await replacement();
      const { count } = run.parts;
      await commits.commit([{ runs: [{ queue: queue.name, run: run.id, below, replaces, removed, count }] }]);
      for (const ordinal of removed) run.removed.add(ordinal);
      queue.takeRun(run, below, replaces);
    };
    await task(name).catch(async (error: unknown) => {
      run.close();
      await files.remove(run.parts.path);
      throw error;
    });
  }

  async #giveWay(writer: RunWriter): Promise<void> {
    await writer.flush();
    await new Promise(setImmediate);
    if (this.#isEnding) throw new Error("the store is closing");
  }
}
