/** The run files in the folder, each opened on first use. */
import { join } from "node:path";
import type { BlockCache } from "./block-cache.js";
import { numbersIn, runName } from "./file-names.js";
import type { FileSystem } from "./files.js";
import type { Losses } from "./losses.js";
import { openRun } from "./open-run.js";
import type { Run } from "./run.js";
import type { RunHead } from "./run-format.js";

export interface RunFilesOptions {
  readonly files: FileSystem;
  readonly folder: string;
  readonly cache: BlockCache;
  /** Names of all files in the folder. */
  readonly names: readonly string[];
  /** Records the runs that can't be read. */
  readonly losses: Losses;
}

export class RunFiles {
  /** Numbers of the files. */
  readonly numbers: readonly number[];
  readonly #options: RunFilesOptions;
  /** Runs by number; undefined for one that doesn't exist or can't be read. */
  readonly #runs = new Map<number, Run | undefined>();
  readonly #heads = new Map<number, RunHead | undefined>();

  constructor(options: RunFilesOptions) {
    this.#options = options;
    this.numbers = numbersIn("run", options.names);
  }

  has(id: number): boolean {
    return this.numbers.includes(id);
  }

  /** Whether {@link open} was called for it. */
  isKnown(id: number): boolean {
    return this.#runs.has(id);
  }

  /** A number above that of every run that exists or was opened. */
  get next(): number {
    return Math.max(0, ...this.numbers, ...this.#runs.keys()) + 1;
  }

  /** Undefined if it doesn't exist, since all its records were removed and only older frames name it, or can't be read. */
  async open(id: number): Promise<Run | undefined> {
    if (this.#runs.has(id)) return this.#runs.get(id);
    const { files, folder, cache, losses } = this.#options;
    const path = join(folder, runName(id));
    const opened = this.has(id) ? await openRun(files, path, id, cache) : undefined;
    if (opened?.isDamaged === true) losses.missing();
    if (opened === undefined && this.has(id)) losses.unreadable(path, 0);
    this.#runs.set(id, opened?.run);
    this.#heads.set(id, opened?.head);
    return opened?.run;
  }

  /** The head of an opened run; undefined if it can't be read. */
  head(id: number): RunHead | undefined {
    return this.#heads.get(id);
  }
}
