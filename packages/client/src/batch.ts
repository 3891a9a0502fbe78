/**
 * A batch: records that go to the broker in one MULTI, and the one promise that their calls share.
 *
 * Its records are kept as the driver will send them, the two argument lists of ZADD and HSET, so that a record costs its
 * text, its id and nothing else.
 */
import { type AppendCommands, addToAppend, emptyAppend } from "@chouette-iot/queue/redis/append";
import type { Milliseconds } from "@chouette-iot/record";

export const BATCH_RECORDS = 500;
export const BATCH_BYTES = 256 * 1024;

/** What a record weighs in memory beside its text, roughly: id, score and list places. */
const RECORD_OVERHEAD = 64;

/** The ends of a batch's ids: two digits of base 36, so that ids of a batch sort in the order of the calls. */
const ID_ENDS = Array.from({ length: BATCH_RECORDS }, (_, index) => index.toString(36).padStart(2, "0"));

export class Batch {
  readonly queue: string;
  readonly commands: AppendCommands;
  /** When its first record came, in milliseconds of the monotonic clock. */
  readonly begun = performance.now();
  /** True once stored; false after the answer timeout, though it may be stored later, or once dropped. */
  readonly answer: Promise<boolean>;
  /** True once stored, false once dropped, however long that takes. */
  readonly fate: Promise<boolean>;
  records = 0;
  /** An estimate of what it weighs in memory. */
  bytes = 0;
  readonly #idStart: string;
  readonly #timer: NodeJS.Timeout;
  #answer: (stored: boolean) => void = () => {};
  #decide: (stored: boolean) => void = () => {};

  constructor(queue: string, idStart: string, answerTimeout: Milliseconds) {
    this.queue = queue;
    this.commands = emptyAppend(queue);
    this.#idStart = idStart;
    this.answer = new Promise((resolve) => {
      this.#answer = resolve;
    });
    this.fate = new Promise((resolve) => {
      this.#decide = resolve;
    });
    this.#timer = setTimeout(this.#answer, answerTimeout, false).unref();
  }

  /** @param score seconds since the epoch, as text */
  add(text: string, score: string): void {
    addToAppend(this.commands, score, this.#idStart + (ID_ENDS[this.records] ?? ""), text);
    this.records++;
    this.bytes += text.length + RECORD_OVERHEAD;
  }

  get isFull(): boolean {
    return this.records >= BATCH_RECORDS || this.bytes >= BATCH_BYTES;
  }

  /** Its end: stored, or dropped. */
  settle(stored: boolean): void {
    clearTimeout(this.#timer);
    this.#answer(stored);
    this.#decide(stored);
  }
}
