/**
 * Carries out the calls that change the store: each becomes a frame of the journal, then of what is in memory.
 *
 * Records of calls that arrive together share one write. A settlement is decided by what is there when its turn comes,
 * and has its own write. Calls that need no look at the disk are carried out immediately: a program that stores one record
 * at a time waits for each of them.
 */
import { checkState } from "../stale.js";
import type { Settlement } from "../store.js";
import { isOutOfRoom, StoreFullError } from "../store-error.js";
import { ByteWriter } from "./bytes.js";
import {
  addedBytes,
  type Change,
  type QueueRemoval,
  type QueueWrites,
  type Written,
  writeChange,
} from "./change.js";
import type { Content } from "./content.js";
import { writeFrame } from "./frame.js";
import { type HeadOptions, writeHead } from "./head.js";
import type { Journal } from "./journal.js";
import { findRecords, mayBeInRuns, resolveWrites } from "./resolve.js";
import type { Room } from "./room.js";
import type { Syncer } from "./syncer.js";

interface Answer {
  resolve(): void;
  reject(error: unknown): void;
}

/** What is stored in one queue. */
export interface QueueRecords {
  readonly queue: string;
  readonly records: readonly Written[];
}

export type Work =
  | ({
      readonly kind: "write";
      /** Each of another queue. */
      readonly writes: readonly QueueRecords[];
      readonly state: ReadonlyMap<string, string | undefined>;
    } & Answer)
  | ({ readonly kind: "settle"; readonly settlement: Settlement } & Answer)
  /** Something that needs the store to stand still, and may commit changes itself. */
  | ({ readonly kind: "task"; run(): Promise<void> } & Answer);

type WriteWork = Extract<Work, { kind: "write" }>;

export interface CommitsOptions {
  readonly content: Content;
  readonly journal: Journal;
  readonly syncer: Syncer;
  readonly room: Room;
  readonly head: HeadOptions;
  readonly segmentBytes: number;
  readonly nextSequence: number;
  /** The frames up to this sequence number are on disk. */
  readonly flushedThrough: number;
}

/** What a change may add on a full disk whatever room is left. */
const MAX_SMALL_BYTES = 4 * 1024;
/** How often the journal says how many records the queues hold, in milliseconds. */
const SIZES_EVERY_MS = 1_000;

export class Commits {
  readonly #options: CommitsOptions;
  readonly #writer = new ByteWriter();
  #sequence: number;
  /** What it would be if no write had failed since the last one that didn't. */
  #expected: number;
  /** The frames up to this one are on disk. */
  #flushedThrough: number;
  #sizesAt = Number.NEGATIVE_INFINITY;

  constructor(options: CommitsOptions) {
    this.#options = options;
    this.#sequence = options.nextSequence;
    this.#expected = options.nextSequence;
    this.#flushedThrough = options.flushedThrough;
  }

  /** @returns to be called once all that was written so far is on disk */
  beginFlush(): () => void {
    const through = this.#expected - 1;
    return () => {
      this.#flushedThrough = through;
    };
  }

  /** Carries out these calls in their order, and answers each. @returns undefined if that is done already */
  carryOut(work: readonly Work[]): Promise<void> | undefined {
    const isPlain = this.#options.room.isOpen && work.every((one) => this.#isPlain(one));
    return isPlain ? this.#writeTogether(work) : this.#inTurn(work);
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

  /**
   * Carries out a write while no other call is under way. Throws if it can't.
   *
   * @returns false if the disk would have to be waited for: then nothing has changed
   */
  writeNow(writes: readonly QueueRecords[], state: ReadonlyMap<string, string | undefined>): boolean {
    const { content, journal, room, syncer } = this.#options;
    if (syncer.confirmsLater || !room.isOpen || journal.leavesToPool(syncer.isBusy)) return false;
    if (!this.#areNew(writes)) return false;
    const next = { number: content.nextNumber };
    try {
      return this.commit([{ writes: numbered(writes, next), state }]) === undefined;
    } catch (error) {
      return this.#refuse(error);
    }
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

  /**
   * Writes these changes to the journal and applies them; throws or rejects with nothing changed.
   *
   * @returns undefined if that is done already
   */
  commit(changes: readonly Change[]): Promise<void> | undefined {
    if (changes.length === 0) return undefined;
    const { journal, syncer } = this.#options;
    this.#ensureSegment();
    this.#encode(changes);
    const writing = journal.write(this.#writer.bytes, syncer.isBusy);
    if (writing !== undefined) return writing.then(() => this.#apply(changes));
    this.#apply(changes);
    return undefined;
  }

  #apply(changes: readonly Change[]): void {
    const { content, syncer } = this.#options;
    this.#expected = this.#sequence;
    for (const change of changes) content.apply(change);
    syncer.wrote();
  }

  /** The same for changes that remove: on a full disk they are given the reserve, but for its last part if they add as well. */
  async commitRemoval(change: Change): Promise<void> {
    try {
      return await this.#commitWithReserve(change);
    } catch (error) {
      if (!(error instanceof StoreFullError)) throw error;
      // What has left by now is deleted with a flush: this one may find room then.
      await this.#options.syncer.durable().catch(() => Promise.reject(error));
    }
    await this.#commitWithReserve(change);
  }

  async #commitWithReserve(change: Change): Promise<void> {
    const { room, journal } = this.#options;
    const checkRoom = () => {
      const added = addedBytes(change);
      if (added > MAX_SMALL_BYTES && !room.fits(added)) throw room.error();
    };
    if (!room.isOpen) checkRoom();
    try {
      return await this.commit([change]);
    } catch (error) {
      if (!isOutOfRoom(error)) throw error;
      checkRoom();
      await room.giveUpReserve();
    }
    try {
      return await this.commit([change]);
    } catch (error) {
      if (!isOutOfRoom(error)) throw error;
      // It may be the file that has no room.
      journal.end();
    }
    try {
      await this.commit([change]);
    } catch (error) {
      throw isOutOfRoom(error) ? room.error() : error;
    }
  }

  #writeTogether(work: readonly WriteWork[]): Promise<void> | undefined {
    if (work.length === 0) return undefined;
    return this.#answer(work, () => {
      const next = { number: this.#options.content.nextNumber };
      const changes: Change[] = [];
      for (const { writes, state } of work) {
        if (writes.length === 0 && state.size === 0) continue;
        changes.push({ writes: numbered(writes, next), state });
      }
      return this.#commitRecords(changes);
    });
  }

  async #writeOverRuns({ writes, state }: WriteWork): Promise<void> {
    const { content } = this.#options;
    const removals: QueueRemoval[] = [];
    const resolved: QueueRecords[] = [];
    for (const { queue, records: given } of writes) {
      const { records, removal } = await resolveWrites(content.queue(queue), given);
      resolved.push({ queue, records });
      if (removal.ordinals.size > 0) removals.push(removal);
    }
    const next = { number: content.nextNumber };
    await this.#commitRecords([{ removals, writes: numbered(resolved, next), state }]);
  }

  #commitRecords(changes: readonly Change[]): Promise<void> | undefined {
    if (changes.length > 0 && !this.#options.room.isOpen) return this.#commitIfAdmitted(changes);
    try {
      return this.commit(changes)?.catch(this.#refuse);
    } catch (error) {
      return this.#refuse(error);
    }
  }

  async #commitIfAdmitted(changes: readonly Change[]): Promise<void> {
    const { room, syncer } = this.#options;
    if (!(await room.admits())) {
      // Each flush deletes what isn't needed any more, though nothing may have been written since.
      syncer.wrote();
      throw room.error();
    }
    try {
      await this.commit(changes);
    } catch (error) {
      this.#refuse(error);
    }
  }

  readonly #refuse = (error: unknown): never => {
    if (!isOutOfRoom(error)) throw error;
    const { room } = this.#options;
    room.ranOut();
    throw room.error();
  };

  async #settle(settlement: Settlement): Promise<void> {
    const { content } = this.#options;
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
    await this.commitRemoval({
      removals,
      orphanRemovals: removeOrphans,
      writes: numbered(writes, next),
      state,
      increments,
    });
  }

  /** Runs this for these calls, and answers them. @returns undefined if it has run already */
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

  /** Answers these calls, once what they committed is as durable as it should be. */
  #confirm(work: readonly Answer[]): void {
    const { syncer } = this.#options;
    if (!syncer.confirmsLater) {
      resolveAll(work);
      return;
    }
    // Not waited for: what comes next may be written meanwhile, and share the flush after.
    void syncer.durable().then(
      () => resolveAll(work),
      (error) => rejectAll(work, error),
    );
  }

  #encode(changes: readonly Change[]): void {
    this.#writer.clear();
    const now = performance.now();
    const { nextSeed } = this.#options.journal;
    let account: Change | undefined;
    if (now - this.#sizesAt >= SIZES_EVERY_MS) {
      this.#sizesAt = now;
      account = { sizes: this.#options.content.sizes(), flushedThrough: this.#flushedThrough };
    }
    for (const change of changes) {
      const whole = account === undefined ? change : { ...account, ...change };
      account = undefined;
      this.#writeFrame(this.#writer, nextSeed, whole);
    }
  }

  #writeFrame(writer: ByteWriter, seed: number, change: Change): void {
    const unused = writer.length === 0 ? this.#sequence - this.#expected : 0;
    const whole = unused === 0 ? change : { ...change, unused };
    writeFrame(writer, { sequence: this.#sequence++, seed }, (body) => writeChange(body, whole));
  }

  #ensureSegment(): void {
    const { journal, content, head, segmentBytes, syncer } = this.#options;
    if (journal.hasPlace(segmentBytes)) return;
    const writer = new ByteWriter();
    const seed = journal.seedOfNextSegment;
    const flushedThrough = this.#flushedThrough;
    writeHead(content, head, (change) => this.#writeFrame(writer, seed, { ...change, flushedThrough }));
    try {
      journal.begin(content.nextNumber, writer);
      this.#expected = this.#sequence;
      syncer.wrote();
    } catch (error) {
      // The one that is there may be written to all the same.
      if (journal.current === undefined) throw error;
    }
  }
}

function resolveAll(work: readonly Answer[]): void {
  for (const { resolve } of work) resolve();
}

function rejectAll(work: readonly Answer[], error: unknown): void {
  for (const { reject } of work) reject(error);
}

/** Gives each record a number. */
function numbered(writes: readonly QueueRecords[], next: { number: number }): readonly QueueWrites[] {
  return writes.map(({ queue, records }) => {
    const first = next.number;
    next.number += records.length;
    return { queue, first, records };
  });
}
