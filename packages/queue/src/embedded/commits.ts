/**
 * Commits changes: writes each as a frame of the journal, then applies it to memory.
 *
 * Promises: a commit that fails changes nothing. On a full disk, changes that only add are refused, and changes that remove
 * may use the reserve (`room.ts`).
 */
import { isOutOfRoom, StoreFullError } from "../store-error.js";
import { ByteWriter } from "./bytes.js";
import { addedBytes, type Change } from "./change.js";
import { writeChange } from "./change-codec.js";
import type { Content } from "./content.js";
import { writeFrame } from "./frame.js";
import { type HeadOptions, writeHead } from "./head.js";
import type { Journal } from "./journal.js";
import type { Room } from "./room.js";
import type { Syncer } from "./syncer.js";

export interface CommitsOptions {
  readonly content: Content;
  readonly journal: Journal;
  readonly syncer: Syncer;
  readonly room: Room;
  readonly head: HeadOptions;
  readonly segmentBytes: number;
  readonly nextSequence: number;
  /** All frames up to this sequence number are on disk. */
  readonly flushedThrough: number;
}

/** On a full disk, a removal may add this much regardless of the room left. */
const MAX_SMALL_BYTES = 4 * 1024;
/** How often the journal gets the sizes of the queues. */
const SIZES_EVERY_MS = 1_000;

export class Commits {
  readonly #options: CommitsOptions;
  readonly #writer = new ByteWriter();
  #sequence: number;
  /** The next sequence number as a reader expects it: without those of writes that have failed since the last success. */
  #expected: number;
  /** All frames up to this one are on disk. */
  #flushedThrough: number;
  #sizesAt = Number.NEGATIVE_INFINITY;

  constructor(options: CommitsOptions) {
    this.#options = options;
    this.#sequence = options.nextSequence;
    this.#expected = options.nextSequence;
    this.#flushedThrough = options.flushedThrough;
  }

  /** @returns to be called once everything written so far is on disk */
  beginFlush(): () => void {
    const through = this.#expected - 1;
    return () => {
      this.#flushedThrough = through;
    };
  }

  /**
   * Writes these changes to the journal and applies them. Throws or rejects, with nothing changed, if it can't.
   *
   * @returns undefined if it is done already
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

  /** Like `commit`, for a change that removes: on a full disk it may use the reserve, except its last part if it also adds. */
  async commitRemoval(change: Change): Promise<void> {
    try {
      return await this.#commitWithReserve(change);
    } catch (error) {
      if (!(error instanceof StoreFullError)) throw error;
      // A flush deletes files without records: then there may be room.
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
      // Perhaps only this file can't grow: start another.
      journal.end();
    }
    try {
      await this.commit([change]);
    } catch (error) {
      throw isOutOfRoom(error) ? room.error() : error;
    }
  }

  /** Like `commit`, for changes that add: throws or rejects with a StoreFullError if the disk is full. */
  commitRecords(changes: readonly Change[]): Promise<void> | undefined {
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
      // Causes a flush, which deletes files without records, even if nothing has been written since.
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
      // Continue with the current segment, if there is one.
      if (journal.current === undefined) throw error;
    }
  }
}
