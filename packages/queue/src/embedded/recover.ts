/**
 * Reads the journal back into memory.
 *
 * Whatever is in the files, it ends: a frame that can't be read costs that frame, a run that can't be read its
 * records. What is missing is counted, as far as the frames that are left say how many records there should be.
 */
import { join } from "node:path";
import type { Position } from "../store.js";
import type { BlockCache } from "./block-cache.js";
import {
  type Change,
  JOURNAL_VERSION,
  type Mark,
  type Opened,
  type QueueRemoval,
  readChange,
} from "./change.js";
import { Content } from "./content.js";
import { numberOf, runName, segmentName, UNFINISHED } from "./file-names.js";
import type { FileSystem } from "./files.js";
import { fileSeed, framesIn } from "./frame.js";
import { hashId } from "./id-filter.js";
import { Journal } from "./journal.js";
import { Losses } from "./losses.js";
import type { Entry } from "./memory-table.js";
import { openRun } from "./open-run.js";
import { comparePositions } from "./order.js";
import type { Run } from "./run.js";
import type { RunHead } from "./run-format.js";

export interface Recovered {
  readonly content: Content;
  readonly journal: Journal;
  readonly nextSequence: number;
  readonly nextRun: number;
  readonly losses: Losses;
}

export interface RecoveryOptions {
  readonly files: FileSystem;
  readonly folder: string;
  readonly cache: BlockCache;
  /** The machine's present boot. */
  readonly boot: string;
  /** By `performance.now()`: a recovery that takes longer rejects. */
  readonly deadline?: number;
  /** Called now and then with the part that is done, from 0 to 1. */
  onProgress?(done: number): void;
}

export async function recover(options: RecoveryOptions): Promise<Recovered> {
  return new Recovery(options, await options.files.list(options.folder)).run();
}

class Recovery {
  readonly #options: RecoveryOptions;
  readonly #names: readonly string[];
  readonly #content = new Content();
  readonly #journal: Journal;
  readonly #losses = new Losses();
  /** Of records in memory, by their numbers. */
  readonly #byNumber = new Map<number, Entry>();
  /** By number, those that the journal names. Undefined for one that can't be read. */
  readonly #runs = new Map<number, Run | undefined>();
  readonly #heads = new Map<number, RunHead | undefined>();
  /** The journal has the records from this number on, as far as it says. */
  #firstNumber = Number.POSITIVE_INFINITY;
  #nextSequence = 1;
  #lastMark: Mark | undefined;
  #opened: Opened | undefined;

  constructor(options: RecoveryOptions, names: readonly string[]) {
    this.#options = options;
    this.#names = names;
    this.#journal = new Journal(options.files, options.folder, Math.max(0, ...this.#numbers("journal")) + 1);
    this.#content.onEntry = (entry) => {
      this.#byNumber.set(entry.number, entry);
      this.#journal.entered(entry.number);
    };
    this.#content.onLeft = (number) => {
      this.#byNumber.delete(number);
      this.#journal.left(number);
    };
  }

  async run(): Promise<Recovered> {
    const { files, folder, boot, onProgress } = this.#options;
    for (const name of this.#names) if (name.endsWith(UNFINISHED)) await files.remove(join(folder, name));
    const segments = this.#numbers("journal");
    for (const [index, number] of segments.entries()) {
      onProgress?.(index / segments.length);
      if (performance.now() > (this.#options.deadline ?? Number.POSITIVE_INFINITY)) {
        throw new Error("the journal takes too long to read");
      }
      await this.#replay(number, number === segments.at(-1));
    }
    const before = this.#content.sizes();
    await this.#takeOrphans();
    for (const [queue, size] of this.#content.sizes()) {
      this.#losses.found(queue, size - (before.get(queue) ?? 0));
    }
    // A block that can't be read is to be reported when somebody asks for it.
    this.#options.cache.clear();
    if (segments.length > 0) this.#losses.end({ last: this.#lastMark, opened: this.#opened }, boot);
    const journal = this.#journal;
    this.#content.onEntry = ({ number }) => journal.entered(number);
    this.#content.onLeft = (number) => journal.left(number);
    const nextRun = Math.max(0, ...this.#numbers("run"), ...this.#runs.keys()) + 1;
    return {
      content: this.#content,
      journal,
      nextSequence: this.#nextSequence,
      nextRun,
      losses: this.#losses,
    };
  }

  async #replay(number: number, isLast: boolean): Promise<void> {
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
    const { nextNumber } = this.#content;
    const segment = { path, file: undefined, seed, firstNumber: nextNumber, bytes: bytes.length };
    this.#journal.segments.push({ ...segment, live: 0, dirty: false });
    this.#lastMark = undefined;
    let frames = 0;
    const onDamage = (start: number, length: number) => {
      this.#losses.damaged(length, isLast && start + length === bytes.length);
    };
    for (const { sequence, body, start, end } of framesIn(bytes, seed, onDamage)) {
      frames += 1;
      // Left of a write that failed and was taken back, by a truncation that a power cut undid.
      if (sequence < this.#nextSequence) {
        onDamage(start, end - start);
        continue;
      }
      this.#nextSequence = sequence + 1;
      try {
        const change = readChange(body);
        if (change.mark?.kind === "opened" && change.mark.version !== JOURNAL_VERSION) {
          this.#losses.unreadable(path, bytes.length);
          return;
        }
        await this.#apply(change);
      } catch {
        // Its checksum is right, and yet it says nothing that can be understood.
        this.#losses.damaged(end - start, false);
      }
    }
    if (frames === 0 && bytes.length > 0) this.#losses.unreadable(path, bytes.length);
  }

  async #apply(change: Change): Promise<void> {
    if (change.mark !== undefined) {
      this.#lastMark = change.mark;
      if (change.mark.kind === "opened") {
        this.#opened = change.mark;
        this.#content.nextNumber = Math.max(this.#content.nextNumber, change.mark.nextNumber);
        const segment = this.#journal.segments.at(-1);
        if (this.#journal.segments.length === 1) this.#firstNumber = change.mark.nextNumber;
        if (segment?.live === 0) segment.firstNumber = this.#content.nextNumber;
        // A head names every run. Others have left or were merged, and the frame that says so is missing.
        const named = new Set(change.runs?.map(({ run }) => run));
        for (const queue of this.#content.queues.values()) {
          queue.runs = queue.runs.filter(({ id }) => named.has(id));
        }
      }
    }
    for (const { queue, run: id, below, replaces, removed } of change.runs ?? []) {
      const run = await this.#run(id);
      const content = this.#content.queue(queue);
      if (run === undefined) continue;
      for (const ordinal of removed) run.removed.add(ordinal);
      // An earlier run's records are here as well if the frame that names it is missing.
      const moved = [...content.table.after(undefined)].filter(
        (entry) => entry.number < below && run.mayHave(hashId(entry.id)),
      );
      content.remove({ queue, numbers: [], entries: moved, ordinals: new Map() });
      content.takeRun(run, below, replaces);
    }
    const removals = change.removals?.map((removal) => this.#withEntries(removal));
    this.#content.apply(removals === undefined ? change : { ...change, removals });
    if ((change.sizes?.size ?? 0) > 0) this.#losses.observe(change.sizes ?? new Map(), this.#content);
  }

  #withEntries(removal: QueueRemoval): QueueRemoval {
    const entries = removal.numbers.flatMap((number) => this.#byNumber.get(number) ?? []);
    const { runs } = this.#content.queue(removal.queue);
    let absent = removal.numbers.length - entries.length;
    for (const [id, ordinals] of removal.ordinals) {
      if (!runs.some((run) => run.id === id)) absent += ordinals.length;
    }
    // Records that left before their files were deleted.
    this.#losses.found(removal.queue, absent);
    return { ...removal, entries };
  }

  async #run(id: number): Promise<Run | undefined> {
    if (this.#runs.has(id)) return this.#runs.get(id);
    const { files, folder, cache } = this.#options;
    const path = join(folder, runName(id));
    // One whose records have all left is deleted, and is named by older frames.
    const opened = this.#names.includes(runName(id)) ? await openRun(files, path, id, cache) : undefined;
    if (opened?.isDamaged === true) this.#losses.damaged(0, false);
    if (opened === undefined && this.#names.includes(runName(id))) this.#losses.unreadable(path, 0);
    this.#runs.set(id, opened?.run);
    this.#heads.set(id, opened?.head);
    return opened?.run;
  }

  /**
   * Runs that no frame names. They were never finished, or have been replaced, and the journal has their records. If
   * the journal is damaged and hasn't got them, the frame that names them is missing.
   */
  async #takeOrphans(): Promise<void> {
    const { files, folder } = this.#options;
    const inUse = new Set([...this.#content.queues.values()].flatMap(({ runs }) => runs));
    const adopted: Run[] = [];
    for (const id of this.#numbers("run")) {
      const path = join(folder, runName(id));
      const isNew = !this.#runs.has(id);
      const run = isNew && !this.#losses.any ? undefined : await this.#run(id);
      if (run !== undefined && inUse.has(run)) continue;
      if (isNew && run !== undefined && this.#isNeeded(this.#heads.get(id))) {
        this.#content.queue(run.parts.queue).takeRun(run, 0, []);
        adopted.push(run);
        continue;
      }
      run?.close();
      if (!this.#losses.unreadablePaths.has(path)) await files.remove(path);
    }
    if (!this.#losses.any) return;
    for (const run of adopted) await this.#leaveToOthers(run);
    for (const queue of this.#content.queues.values()) {
      for (const run of queue.runs) await leaveRecords(run, [...queue.table.after(undefined)]);
    }
  }

  /** The frame that says what became of a run is missing: what another one has as well is that one's. */
  async #leaveToOthers(run: Run): Promise<void> {
    const others = this.#content.queue(run.parts.queue).runs.filter((other) => other !== run);
    for (const other of others) {
      for (const index of other.parts.blocks.keys()) {
        const { positions, firstOrdinal } = await other.load(index);
        await leaveRecords(
          run,
          positions.filter((_, offset) => !other.removed.has(firstOrdinal + offset)),
        );
      }
    }
  }

  /** Whether the files that have the run's records besides were deleted. */
  #isNeeded(head: RunHead | undefined): boolean {
    if (head === undefined) return true;
    if (head.replaces.length > 0) return head.replaces.some((id) => !this.#names.includes(runName(id)));
    return head.lowest < this.#firstNumber;
  }

  #numbers(kind: "journal" | "run"): readonly number[] {
    return this.#names.flatMap((name) => numberOf(kind, name) ?? []).sort((a, b) => a - b);
  }
}

/** Removes these records from a run. By its blocks, since the table of its ids may be damaged as well. */
async function leaveRecords(run: Run, records: readonly Position[]): Promise<void> {
  const [first, last] = [records[0], records.at(-1)];
  if (first === undefined || last === undefined) return;
  const ids = new Set(records.map(({ id }) => id));
  const { blocks } = run.parts;
  for (let index = run.blockFor(first); index < blocks.length; index++) {
    const block = blocks[index];
    if (block === undefined || comparePositions(block, last) > 0) return;
    const { positions, firstOrdinal } = await run.load(index);
    for (const [offset, { id }] of positions.entries()) {
      if (ids.has(id)) run.removed.add(firstOrdinal + offset);
    }
  }
}
