/**
 * Replays the journal's changes into memory while it is read.
 *
 * Promises: a change applies as it did when it was committed. If the frame of another change is missing, no record returns that
 * was removed or moved to a run, as far as the remaining frames tell.
 */
import type { Change, Opened, QueueRemoval, RunChange } from "./change.js";
import { Content } from "./content.js";
import { hashId } from "./id-filter.js";
import type { Journal } from "./journal.js";
import type { Losses } from "./losses.js";
import type { Entry } from "./memory-table.js";
import type { RunFiles } from "./run-files.js";

export class Replay {
  readonly content = new Content();
  readonly #journal: Journal;
  readonly #runFiles: RunFiles;
  readonly #losses: Losses;
  /** Records in memory by number. */
  readonly #byNumber = new Map<number, Entry>();

  constructor(journal: Journal, runFiles: RunFiles, losses: Losses) {
    this.#journal = journal;
    this.#runFiles = runFiles;
    this.#losses = losses;
    this.content.onEntry = (entry) => {
      this.#byNumber.set(entry.number, entry);
      journal.entered(entry.number);
    };
    this.content.onLeft = (number) => {
      this.#byNumber.delete(number);
      journal.left(number);
    };
  }

  /** @returns the content, from now on without the replay's own index of it */
  end(): Content {
    const journal = this.#journal;
    this.content.onEntry = ({ number }) => journal.entered(number);
    this.content.onLeft = (number) => journal.left(number);
    return this.content;
  }

  /** Applies the next change of the journal. */
  async apply(change: Change): Promise<void> {
    if (change.mark?.kind === "opened") this.#begin(change.mark, change.runs);
    for (const each of change.runs ?? []) await this.#takeRun(each);
    // Sizes are those before the change, except that a head includes the runs that it names.
    const { sizes, mark } = change;
    if (sizes !== undefined && (sizes.size > 0 || mark !== undefined)) {
      this.#losses.observe(sizes, this.content, mark !== undefined);
    }
    const removals = change.removals?.map((removal) => this.#withEntries(removal));
    this.content.apply(removals === undefined ? change : { ...change, removals });
  }

  /** The head of a segment names every run. Others were emptied or merged by a frame that is missing. */
  #begin({ nextNumber }: Opened, runs: readonly RunChange[] = []): void {
    this.content.nextNumber = Math.max(this.content.nextNumber, nextNumber);
    const segment = this.#journal.segments.at(-1);
    if (segment?.live === 0) segment.firstNumber = this.content.nextNumber;
    const named = new Set(runs.map(({ run }) => run));
    for (const queue of this.content.queues.values()) {
      queue.runs = queue.runs.filter(({ id }) => named.has(id));
    }
  }

  async #takeRun({ queue, run: id, below, replaces, removed }: RunChange): Promise<void> {
    const run = await this.#runFiles.open(id);
    const content = this.content.queue(queue);
    if (run === undefined && this.#runFiles.has(id)) return;
    const before = content.size;
    for (const ordinal of removed) run?.removed.add(ordinal);
    // Records of an earlier run are still in memory if the frame that names it is missing. Records of a deleted run were
    // removed, or are in a run that a later frame names: they must not return from the journal.
    const moved = [...content.table.after(undefined)].filter(
      (entry) => entry.number < below && (run === undefined || run.mayHave(hashId(entry.id))),
    );
    content.remove({ queue, numbers: [], entries: moved, ordinals: new Map() });
    if (run !== undefined) content.takeRun(run, below, replaces);
    // A run changes no size, unless the frames that stored or removed its records are missing.
    this.#losses.found(queue, content.size - before);
  }

  #withEntries(removal: QueueRemoval): QueueRemoval {
    const entries = removal.numbers.flatMap((number) => this.#byNumber.get(number) ?? []);
    const { runs } = this.content.queue(removal.queue);
    let absent = removal.numbers.length - entries.length;
    for (const [id, ordinals] of removal.ordinals) {
      if (!runs.some((run) => run.id === id)) absent += ordinals.length;
    }
    // These records were removed before their files were deleted.
    this.#losses.found(removal.queue, absent);
    return { ...removal, entries };
  }
}
