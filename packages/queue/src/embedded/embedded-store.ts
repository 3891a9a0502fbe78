/**
 * The embedded engine: queues in files on the device's disk, for the embedded broker.
 *
 * Every change is one frame of the journal (`journal.ts`), written before the call is answered, so it survives any end of the
 * process. CHOUETTE_FSYNC decides when it also survives a power cut; the event loop never waits for the disk. Memory holds the
 * latest records, up to a few MB; records that stay longer are written to runs (`run.ts`) and leave memory. The folder belongs
 * to one process at a time.
 */
import { boundedPage } from "../bounded-page.js";
import type { BrokerStore, DiskReport, QueueWrite } from "../broker-store.js";
import { checkEpoch } from "../stale.js";
import type { NewRecord, Orphan, Position, ReadOptions, Settlement, StoredRecord } from "../store.js";
import type { BlockCache } from "./block-cache.js";
import { Commits } from "./commits.js";
import type { Content } from "./content.js";
import { Executor, type Work } from "./executor.js";
import type { FileSystem } from "./files.js";
import type { Journal } from "./journal.js";
import { QueueContent } from "./queue-content.js";
import { byQueue, checkIds, type QueueRecords } from "./queue-records.js";
import { readPage } from "./read-page.js";
import type { Recovered } from "./recover.js";
import { findValue, positionsByRank, valueCount } from "./redis-queries.js";
import type { Room } from "./room.js";
import { type Fsync, Syncer } from "./syncer.js";
import { type Limits, Upkeep } from "./upkeep.js";
import { WorkQueue } from "./work-queue.js";

export interface EmbeddedStoreOptions {
  readonly folder: string;
  readonly files: FileSystem;
  readonly fsync: Fsync;
  readonly limits: StoreLimits;
  /** The machine's boot id. */
  readonly boot: string;
  readonly cache: BlockCache;
  /** Called with errors that belong to no call: a failed flush, an unreadable part of a run. */
  onTrouble(error: unknown): void;
  readonly room: Room;
  /** Called once the store is closed. */
  onClosed(): Promise<void>;
}

export interface StoreLimits extends Limits {
  /** Bytes of a segment, after which another is started. */
  readonly segmentBytes: number;
}

/** Minimum time between two rewrites of the journal after failed flushes. */
const REWRITE_EVERY_MS = 10_000;

export class EmbeddedStore implements BrokerStore {
  readonly epoch = 0;
  readonly #options: EmbeddedStoreOptions;
  readonly #content: Content;
  readonly #journal: Journal;
  readonly #syncer: Syncer;
  #isClosing = false;
  /** Earliest time of the next rewrite, by `performance.now()`. */
  #rewriteAt = Number.NEGATIVE_INFINITY;
  readonly #room: Room;
  readonly #commits: Commits;
  readonly #executor: Executor;
  readonly #upkeep: Upkeep;
  readonly #work: WorkQueue<Work>;
  /** Calls that add records and wait for room in memory. */
  readonly #unadmitted: (() => void)[] = [];

  /** For `open-embedded-store.ts`, which locks the folder and recovers its content. */
  constructor(
    options: EmbeddedStoreOptions,
    { content, journal, nextSequence, flushedThrough, nextRun, unneeded }: Recovered,
  ) {
    const { fsync, limits, boot, onTrouble } = options;
    this.#options = options;
    this.#content = content;
    this.#journal = journal;
    this.#syncer = new Syncer(fsync, () => this.#flush(), onTrouble);
    this.#room = options.room;
    const head = { boot, isDurable: fsync === "always" };
    const [syncer, room] = [this.#syncer, this.#room];
    this.#commits = new Commits({
      ...{ content, journal, syncer, room, head, nextSequence, flushedThrough },
      segmentBytes: limits.segmentBytes,
    });
    this.#executor = new Executor({ content, commits: this.#commits, journal, syncer, room });
    const task = (run: () => Promise<void>) => this.#do({ kind: "task", run });
    this.#upkeep = new Upkeep({
      ...options,
      ...{ content, journal, commits: this.#commits, nextRun, unneeded, task },
      hasRoom: () => room.isOpen,
      onError: onTrouble,
    });
    const check = () => this.#upkeep.check();
    this.#work = new WorkQueue((work) => {
      const executing = this.#executor.execute(work);
      if (executing !== undefined) return executing.then(check);
      check();
      return undefined;
    });
  }

  append(queue: string, records: readonly NewRecord[]): Promise<void> {
    return this.#write([{ queue, records }], NO_STATE);
  }

  write(
    writes: readonly QueueWrite[],
    state: ReadonlyMap<string, string | undefined> = NO_STATE,
  ): Promise<void> {
    return this.#write(byQueue(writes), state);
  }

  writeNow(
    writes: readonly QueueWrite[],
    state: ReadonlyMap<string, string | undefined> = NO_STATE,
  ): boolean {
    if (!this.#work.isIdle || this.#isClosing || this.#unadmitted.length > 0) return false;
    if (this.#upkeep.roomInMemory() !== undefined) return false;
    const records = byQueue(writes);
    for (const { records: some } of records) checkIds(some);
    if (!this.#executor.writeNow(records, state)) return false;
    this.#upkeep.check();
    return true;
  }

  async read(queue: string, options: ReadOptions): Promise<readonly StoredRecord[]> {
    return readPage(this.#queue(queue), options);
  }

  async orphans(queue: string, limit: number): Promise<readonly Orphan[]> {
    return boundedPage(firstOrphans(this.#queue(queue), limit));
  }

  async settle(settlement: Settlement): Promise<void> {
    checkEpoch(settlement.onlyInEpoch, this.epoch);
    const { add = [] } = settlement;
    for (const { records } of add) checkIds(records);
    const settle = () => this.#do({ kind: "settle", settlement });
    // What only removes doesn't wait: it makes room.
    if (add.length === 0) await settle();
    else await new Promise<void>((resolve, reject) => this.#admit(() => void settle().then(resolve, reject)));
  }

  async size(queue: string): Promise<number> {
    return this.#queue(queue).size;
  }

  bytes(): number {
    return this.#content.diskBytes();
  }

  async valueCount(queue: string): Promise<number> {
    return valueCount(this.#queue(queue));
  }

  range(queue: string, start: number, stop: number): Promise<readonly Position[]> {
    return positionsByRank(this.#queue(queue), start, stop);
  }

  async values(queue: string, ids: readonly string[]): Promise<readonly (string | undefined)[]> {
    const values: (string | undefined)[] = [];
    for (const id of ids) values.push(await findValue(this.#queue(queue), id));
    return values;
  }

  async state(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return keys.map((key) => this.#content.state.get(key));
  }

  async stateWithPrefix(prefix: string): Promise<ReadonlyMap<string, string>> {
    return new Map([...this.#content.state].filter(([key]) => key.startsWith(prefix)));
  }

  async counters(): Promise<ReadonlyMap<string, number>> {
    return new Map(this.#content.counters);
  }

  /** The names of its queues. */
  queues(): readonly string[] {
    return [...this.#content.queues.keys()];
  }

  disk(): DiskReport {
    // Another program may have freed space on a full disk.
    if (this.#room.isFull) void this.#room.admits();
    const runs = [...this.#content.queues.values()].flatMap((queue) => queue.runs);
    const runBytes = runs.reduce((sum, { parts }) => sum + parts.bytes, 0);
    return {
      contentBytes: Math.round(this.bytes()),
      fileBytes: this.#journal.bytes + runBytes + this.#room.reserveBytes,
      segments: this.#journal.segments.length,
      runs: runs.length,
      writtenBytes: this.#journal.bytesWritten + this.#upkeep.bytesWritten,
      full: this.#room.isFull ? this.#room.error().message : undefined,
    };
  }

  /** Stores this state, and sets the counters to these values. Resolves when everything stored so far is on disk. */
  async takeOver(state: ReadonlyMap<string, string>, counters: ReadonlyMap<string, number>): Promise<void> {
    await this.#do({ kind: "task", run: async () => this.#commits.commit([{ state, counters }]) });
    await this.#syncer.durable();
  }

  /** Rewrites the journal, so that damaged segments are deleted. Rejects on a full disk. */
  async rewrite(): Promise<void> {
    await this.#do({ kind: "task", run: () => this.#upkeep.rewrite() });
    await this.#do({ kind: "settle", settlement: {} });
    await this.#syncer.durable();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#work.idle();
    await this.#upkeep.end();
    await this.#work.idle();
    await this.#syncer.stop();
    try {
      await this.#flush();
      if (this.#journal.current !== undefined) {
        // The mark says that everything before it is on disk.
        const { counters } = this.#content;
        await this.#commits.commit([{ sizes: this.#content.sizes(), counters, mark: { kind: "closed" } }]);
        await this.#flush();
      }
    } catch (error) {
      // Confirmed records are written: without the mark, the next start is as after a kill.
      this.#options.onTrouble(error);
    } finally {
      await this.#syncer.stop();
      this.#journal.close();
      for (const { runs } of this.#content.queues.values()) for (const run of runs) run.close();
      await this.#options.onClosed();
    }
  }

  /** Reading a queue in which nothing was stored doesn't create it. */
  #queue(name: string): QueueContent {
    return this.#content.queues.get(name) ?? EMPTY;
  }

  #write(writes: readonly QueueRecords[], state: ReadonlyMap<string, string | undefined>): Promise<void> {
    return new Promise((resolve, reject) => {
      for (const { records } of writes) checkIds(records);
      this.#admit(() => this.#work.add({ kind: "write", writes, state, resolve, reject }));
    });
  }

  /** Adds a call that adds records, once memory has room for them. These calls keep their order, on which clients rely. */
  #admit(add: () => void): void {
    const isFirst = this.#unadmitted.length === 0;
    const room = isFirst ? this.#upkeep.roomInMemory() : undefined;
    if (isFirst && room === undefined) {
      add();
      return;
    }
    this.#unadmitted.push(add);
    void room?.then(() => {
      for (const next of this.#unadmitted.splice(0)) next();
    });
  }

  #do(work: WorkToDo): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#work.add({ ...work, resolve, reject });
    });
  }

  /** Flushes everything written so far, then deletes files that are no longer needed. */
  async #flush(): Promise<void> {
    const deleteSpent = this.#upkeep.spent();
    const flushed = this.#commits.beginFlush();
    try {
      await this.#journal.sync();
    } catch (error) {
      this.#rewriteAfterFailure();
      throw error;
    }
    flushed();
    await deleteSpent();
    if (this.#room.isFull) await this.#room.admits();
  }

  /**
   * After a failed flush the system may have dropped the data, and the next flush doesn't report that. So everything in the
   * journal is written again to another segment, after which the earlier ones aren't needed.
   */
  #rewriteAfterFailure(): void {
    const now = performance.now();
    // Not too often: a failing disk must not be worn out.
    if (this.#isClosing || now < this.#rewriteAt) return;
    this.#rewriteAt = now + REWRITE_EVERY_MS;
    void this.#do({ kind: "task", run: () => this.#upkeep.rewrite() }).catch(this.#options.onTrouble);
  }
}

type WorkToDo = Work extends infer One ? (One extends Work ? Omit<One, "resolve" | "reject"> : never) : never;

const NO_STATE: ReadonlyMap<string, string | undefined> = new Map();
const EMPTY = new QueueContent("", () => {});

function* firstOrphans({ orphans }: QueueContent, limit: number): Generator<Orphan> {
  let left = limit;
  for (const [id, value] of orphans) {
    if (left-- <= 0) return;
    yield { id, value };
  }
}
