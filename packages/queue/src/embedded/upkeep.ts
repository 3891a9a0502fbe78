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
import { isOutOfRoom, StoreFullError } from "../store-error.js";
import type { Content } from "./content.js";
import type { Journal, Segment } from "./journal.js";
import type { Entry } from "./memory-table.js";
import { chooseMerge } from "./merge.js";
import type { QueueContent } from "./queue-content.js";
import type { Run } from "./run.js";
import { RunMaker, type RunMakerOptions } from "./run-maker.js";

export interface Limits {
  /** Bytes of records in memory, roughly, above which they are written to a run. */
  readonly memoryBytes: number;
  /** Number of segments above which the oldest is emptied. */
  readonly segments: number;
  /** Up to this many bytes of the oldest segment's last records are copied; more go to a run. */
  readonly carriedBytes: number;
}

export interface UpkeepOptions extends RunMakerOptions {
  readonly content: Content;
  readonly journal: Journal;
  readonly limits: Limits;
  /** Runs to delete after the segments that still name them: see `recover.ts`. */
  readonly unneeded: readonly Run[];
  /** Whether the disk has room for more than removals. */
  hasRoom(): boolean;
}

/** Number of records that are copied in one write. */
const SLICE = 200;
/** On a full disk, bytes of the oldest segment that may be copied: few enough to leave room for removals. */
const MAX_CARRIED_WITHOUT_ROOM = 8 * 1024;
/** Pause after a failure. */
const REST_MS = 2_000;

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #maker: RunMaker;
  #spilling: Promise<void> | undefined;
  #merging: Promise<void> | undefined;
  /** Runs that are being merged, and below, runs whose records are in another one now. */
  #inMerge: ReadonlySet<Run> = new Set();
  readonly #replaced: Run[] = [];
  #isEnding = false;
  /** End of the pause, by `performance.now()`. */
  #restsUntil = Number.NEGATIVE_INFINITY;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#maker = new RunMaker(options);
    this.#replaced.push(...options.unneeded);
    for (const { runs } of options.content.queues.values()) for (const run of runs) this.#maker.watch(run);
  }

  /** Total bytes of the runs written. */
  get bytesWritten(): number {
    return this.#maker.bytesWritten;
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
    this.#maker.end();
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
    let tooLarge: QueueContent | undefined;
    const carry = async () => {
      tooLarge = await this.#carry(second.firstNumber);
    };
    this.#spilling = this.#options
      .task(carry)
      .catch(this.#failed)
      .finally(() => {
        this.#spilling = undefined;
        // Before the next check, which would find the segment as it was.
        this.#spill(tooLarge);
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

  /** Copies the records in memory with a number below this. @returns a queue that has too many of them: they belong in a run */
  async #carry(below: number): Promise<QueueContent | undefined> {
    const { content, limits, hasRoom } = this.#options;
    let tooLarge: QueueContent | undefined;
    for (const queue of content.queues.values()) {
      const old = [...queue.table.after(undefined)].filter(({ number }) => number < below);
      const bytes = old.reduce((sum, { id, value = "" }) => sum + id.length + value.length, 0);
      if (bytes <= (hasRoom() ? limits.carriedBytes : MAX_CARRIED_WITHOUT_ROOM))
        await this.#carryAll(queue, old);
      else if (hasRoom()) tooLarge = queue;
      else throw new StoreFullError("the last records of a segment find no room elsewhere");
    }
    return tooLarge;
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
    this.#spilling = this.#maker
      .spill(queue, this.#options.content.nextNumber)
      .catch((error) => {
        queue.thaw();
        this.#failed(error);
      })
      .finally(() => {
        this.#spilling = undefined;
        this.#merge(queue);
      });
  }

  #merge(queue: QueueContent): void {
    if (this.#merging !== undefined || this.#isEnding || this.#isResting()) return;
    const chosen = this.#options.hasRoom() ? chooseMerge(queue.runs) : [];
    if (chosen.length < 2) return;
    this.#inMerge = new Set(chosen);
    this.#merging = this.#maker
      .merge(queue, chosen)
      .then(() => void this.#replaced.push(...chosen))
      .catch(this.#failed)
      .finally(() => {
        this.#merging = undefined;
        this.#inMerge = new Set();
      });
  }
}

function largest(content: Content): QueueContent | undefined {
  return [...content.queues.values()].sort((a, b) => b.memoryBytes - a.memoryBytes)[0];
}
