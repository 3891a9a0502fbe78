/**
 * A batch: records that go to the broker in one MULTI, and the one promise that their calls share.
 *
 * While it waits a record is its context, its value and its time. Its text and its id are made when the batch is
 * sent, so that what V8 has to keep, and to move when it collects, is little.
 */
import { type AppendCommands, addToAppend, emptyAppend } from "@chouette-iot/queue/redis/append";
import type { Milliseconds } from "@chouette-iot/record";
import type { Context } from "./context.js";
import { recordText } from "./record-text.js";

export const BATCH_RECORDS = 500;
export const BATCH_BYTES = 256 * 1024;

/** What a record weighs beside the texts that it is made of, roughly: its numbers, id, score and list places. */
const RECORD_OVERHEAD = 100;

/** The ends of a batch's ids: two digits of base 36, so that ids of a batch sort in the order of the calls. */
const ID_ENDS = Array.from({ length: BATCH_RECORDS }, (_, index) => index.toString(36).padStart(2, "0"));

export class Batch {
  readonly queue: string;
  /** When its first record came, in milliseconds of the monotonic clock. */
  readonly begun = performance.now();
  /** True once stored; false after the answer timeout, though it may be stored later, or once dropped. */
  readonly answer: Promise<boolean>;
  /** True once stored, false once dropped, however long that takes. */
  readonly fate: Promise<boolean>;
  /** An estimate of what it weighs in memory once its texts are made. */
  bytes = 0;
  readonly #number: string;
  readonly #timer: NodeJS.Timeout;
  /** Of each record: its context, or none where the value is all of its text; its value; and its time. */
  readonly #contexts: (Context | undefined)[] = [];
  readonly #values: (number | string)[] = [];
  readonly #scores: string[] = [];
  #answer: (stored: boolean) => void = () => {};
  #decide: (stored: boolean) => void = () => {};

  /** @param number its own, which its ids begin with */
  constructor(queue: string, number: string, answerTimeout: Milliseconds) {
    this.queue = queue;
    this.#number = number;
    this.answer = new Promise((resolve) => {
      this.#answer = resolve;
    });
    this.fate = new Promise((resolve) => {
      this.#decide = resolve;
    });
    this.#timer = setTimeout(this.#answer, answerTimeout, false).unref();
  }

  get records(): number {
    return this.#scores.length;
  }

  /**
   * @param value JSON: a finite number, or the text of an array
   * @param score seconds since the epoch, as text
   * @returns what the record weighs
   */
  addMetric(context: Context, value: number | string, score: string): number {
    const text = context.head.length + context.tail.length + (typeof value === "string" ? value.length : 0);
    return this.#add(context, value, score, text);
  }

  /** @param text the record's JSON */
  addText(text: string, score: string): number {
    return this.#add(undefined, text, score, text.length);
  }

  get isFull(): boolean {
    return this.records >= BATCH_RECORDS || this.bytes >= BATCH_BYTES;
  }

  /** What stores it, made anew each time. */
  commands(): AppendCommands {
    const commands = emptyAppend(this.queue);
    for (let place = 0; place < this.#scores.length; place++) {
      const context = this.#contexts[place];
      const value = this.#values[place] ?? "";
      const score = this.#scores[place] ?? "";
      const text = context === undefined ? `${value}` : recordText(context, value, score);
      addToAppend(commands, score, this.#number + (ID_ENDS[place] ?? ""), text);
    }
    return commands;
  }

  /** Its end: stored, or dropped. */
  settle(stored: boolean): void {
    clearTimeout(this.#timer);
    this.#answer(stored);
    this.#decide(stored);
  }

  #add(context: Context | undefined, value: number | string, score: string, text: number): number {
    this.#contexts.push(context);
    this.#values.push(value);
    this.#scores.push(score);
    const weight = text + RECORD_OVERHEAD;
    this.bytes += weight;
    return weight;
  }
}
