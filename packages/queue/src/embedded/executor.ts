/**
 * Executes the calls that change the store, one after the other: resolves what each asks for into changes, commits these, and
 * answers the call.
 *
 * Records of calls that arrive together share one write. A settlement is resolved when its turn comes, and has its own write.
 * Calls that need no read from the disk are executed synchronously: a program that stores one record at a time waits for
 * each of them.
 */
import { checkState } from "../stale.js";
import type { Settlement } from "../store.js";
import type { Change, QueueRemoval } from "./change.js";
import type { Commits } from "./commits.js";
import type { Content } from "./content.js";
import type { Journal } from "./journal.js";
import { numbered, type QueueRecords } from "./queue-records.js";
import { findRecords, mayBeInRuns, resolveWrites } from "./resolve.js";
import type { Room } from "./room.js";
import type { Syncer } from "./syncer.js";

interface Answer {
  resolve(): void;
  reject(error: unknown): void;
}

/** A call in progress. */
export type Work =
  | ({
      readonly kind: "write";
      /** At most one entry for each queue. */
      readonly writes: readonly QueueRecords[];
      readonly state: ReadonlyMap<string, string | undefined>;
    } & Answer)
  | ({ readonly kind: "settle"; readonly settlement: Settlement } & Answer)
  /** Runs while no other call changes the store, and may commit changes itself. */
  | ({ readonly kind: "task"; run(): Promise<void> } & Answer);

type WriteWork = Extract<Work, { kind: "write" }>;

export interface ExecutorOptions {
  readonly content: Content;
  readonly commits: Commits;
  readonly journal: Journal;
  readonly syncer: Syncer;
  readonly room: Room;
}

export class Executor {
  readonly #options: ExecutorOptions;

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** Executes these calls in order, and answers each. Never rejects. @returns undefined if all are answered already */
  execute(work: readonly Work[]): Promise<void> | undefined {
    const isPlain = this.#options.room.isOpen && work.every((one) => this.#isPlain(one));
    return isPlain ? this.#writeTogether(work) : this.#inTurn(work);
  }

  /**
   * Executes a write synchronously. No other call may be in progress. Throws if it can't be stored.
   *
   * @returns false, with nothing changed, if it would have to wait for the disk
   */
  writeNow(writes: readonly QueueRecords[], state: ReadonlyMap<string, string | undefined>): boolean {
    const { content, commits, journal, room, syncer } = this.#options;
    if (syncer.confirmsLater || !room.isOpen || journal.leavesToPool(syncer.isBusy)) return false;
    if (!this.#areNew(writes)) return false;
    const next = { number: content.nextNumber };
    return commits.commitRecords([{ writes: numbered(writes, next), state }]) === undefined;
  }

  /** Whether it only adds records, so that no run has to be read. */
  readonly #isPlain = (work: Work): work is WriteWork => {
    return work.kind === "write" && this.#areNew(work.writes);
  };

  #areNew(writes: readonly QueueRecords[]): boolean {
    for (const { queue, records } of writes) {
      if (mayBeInRuns(this.#options.content.queue(queue), records)) return false;
    }
    return true;
  }

  async #inTurn(work: readonly Work[]): Promise<void> {
    let joined: WriteWork[] = [];
    for (const next of work) {
      if (this.#isPlain(next)) {
        joined.push(next);
        continue;
      }
      await this.#writeTogether(joined);
      joined = [];
      if (next.kind === "task") await this.#answer([next], () => next.run());
      else if (next.kind === "settle") await this.#answer([next], () => this.#settle(next.settlement));
      else await this.#answer([next], () => this.#writeOverRuns(next));
    }
    await this.#writeTogether(joined);
  }

  #writeTogether(work: readonly WriteWork[]): Promise<void> | undefined {
    if (work.length === 0) return undefined;
    return this.#answer(work, () => {
      const { content, commits } = this.#options;
      const next = { number: content.nextNumber };
      const changes: Change[] = [];
      for (const { writes, state } of work) {
        if (writes.length === 0 && state.size === 0) continue;
        changes.push({ writes: numbered(writes, next), state });
      }
      return commits.commitRecords(changes);
    });
  }

  /** Writes ids that may be in runs: the records there are replaced. */
  async #writeOverRuns({ writes, state }: WriteWork): Promise<void> {
    const { content, commits } = this.#options;
    const removals: QueueRemoval[] = [];
    const resolved: QueueRecords[] = [];
    for (const { queue, records: given } of writes) {
      const { records, removal } = await resolveWrites(content.queue(queue), given);
      resolved.push({ queue, records });
      if (removal.ordinals.size > 0) removals.push(removal);
    }
    const next = { number: content.nextNumber };
    await commits.commitRecords([{ removals, writes: numbered(resolved, next), state }]);
  }

  async #settle(settlement: Settlement): Promise<void> {
    const { content, commits } = this.#options;
    const { onlyWhile = new Map(), remove = [], removeOrphans = [], add = [], state, count } = settlement;
    const removals: QueueRemoval[] = [];
    const increments = new Map(count);
    const increment = (name: string, by: number) => increments.set(name, (increments.get(name) ?? 0) + by);
    for (const { queue, records, counter } of remove) {
      const found = await findRecords(content.queue(queue), records);
      if (found.count === 0) continue;
      removals.push(found.removal);
      if (counter !== undefined) increment(counter, found.count);
    }
    const writes: QueueRecords[] = [];
    for (const { queue, records } of add) {
      const resolved = await resolveWrites(content.queue(queue), records);
      writes.push({ queue, records: resolved.records });
      if (resolved.removal.ordinals.size > 0) removals.push(resolved.removal);
    }
    checkState(onlyWhile, (key) => content.state.get(key));
    const next = { number: content.nextNumber };
    await commits.commitRemoval({
      removals,
      orphanRemovals: removeOrphans,
      writes: numbered(writes, next),
      state,
      increments,
    });
  }

  /** Runs this for these calls, and answers them. @returns undefined if they are answered already */
  #answer(work: readonly Answer[], run: () => Promise<void> | undefined): Promise<void> | undefined {
    try {
      const running = run();
      if (running !== undefined)
        return running.then(
          () => this.#confirm(work),
          (error) => rejectAll(work, error),
        );
      this.#confirm(work);
    } catch (error) {
      rejectAll(work, error);
    }
    return undefined;
  }

  /** Answers these calls once their changes are as durable as the fsync policy requires. */
  #confirm(work: readonly Answer[]): void {
    const { syncer } = this.#options;
    if (!syncer.confirmsLater) {
      resolveAll(work);
      return;
    }
    // Not awaited: the next calls may be written meanwhile, and share the next flush.
    void syncer.durable().then(
      () => resolveAll(work),
      (error) => rejectAll(work, error),
    );
  }
}

function resolveAll(work: readonly Answer[]): void {
  for (const { resolve } of work) resolve();
}

function rejectAll(work: readonly Answer[], error: unknown): void {
  for (const { reject } of work) reject(error);
}
