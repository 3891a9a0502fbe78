/**
 * A batch: records that go to the broker in one MULTI, and the one promise that their calls share.
 *
 * A waiting record is its context, its value and its time. Its text and its id are made when the batch is sent, so that
 * V8 has little to keep, and to move when it collects.
 */
import type { Milliseconds } from "@chouette-iot/record";
import type { MetricContext } from "@chouette-iot/record/calls";
import { recordText } from "@chouette-iot/record/calls";
import { deferred, monotonicNow, startTimer, stopTimer, type Timer } from "@chouette-iot/record/host";
import { addRow, emptyRows, type Rows } from "./rows.js";

export const BATCH_RECORDS = 500;
export const BATCH_BYTES = 256 * 1024;

/** Memory of a record besides its texts, roughly: its numbers, id, score and list entries. */
const RECORD_OVERHEAD = 100;

/** The ends of a batch's ids: two digits of base 36, so that ids of a batch sort in the order of the calls. */
const ID_ENDS = Array.from({ length: BATCH_RECORDS }, (_, index) => index.toString(36).padStart(2, "0"));

export class Batch {
  readonly queue: string;
  /** When its first record came, in milliseconds of the monotonic clock. */
  readonly begun = monotonicNow();
  readonly #answer = deferred();
  readonly #fate = deferred();
  /** True once stored; false after the answer timeout, though it may be stored later, or once dropped. */
  readonly answer = this.#answer.promise;
  /** True once stored, false once dropped, whenever that is. */
  readonly fate = this.#fate.promise;
  /** An estimate of its memory once its texts are made. */
  bytes = 0;
  readonly #number: string;
  readonly #timer: Timer;
  /** For each record: its context, or undefined if it is a text; its value, or NaN if that is a text; and its time. */
  readonly #contexts: (MetricContext | undefined)[] = [];
  readonly #values: number[] = [];
  readonly #scores: string[] = [];
  /** The texts of those that have one, in their order. Apart, so that V8 keeps the numbers without a box for each. */
  readonly #texts: string[] = [];
  #isAnswered = false;

  /** @param number unique: the ids of its records begin with it */
  constructor(queue: string, number: string, answerTimeout: Milliseconds) {
    this.queue = queue;
    this.#number = number;
    this.#timer = startTimer(() => this.answerFalse(), answerTimeout);
  }

  get records(): number {
    return this.#scores.length;
  }

  /**
   * @param value JSON: a finite number, or the text of an array
   * @param score seconds since the epoch, as text
   * @returns the weight of the record in bytes
   */
  addMetric(context: MetricContext, value: number | string, score: string): number {
    if (typeof value === "number") return this.#add(context, value, score, context.jsonLength);
    this.#texts.push(value);
    return this.#add(context, Number.NaN, score, context.jsonLength + value.length);
  }

  /** @param text the record's JSON */
  addText(text: string, score: string): number {
    this.#texts.push(text);
    return this.#add(undefined, Number.NaN, score, text.length);
  }

  get isFull(): boolean {
    return this.records >= BATCH_RECORDS || this.bytes >= BATCH_BYTES;
  }

  /** Its records as they are stored, built with each call. */
  rows(): Rows {
    const rows = emptyRows(this.queue);
    let texts = 0;
    for (let place = 0; place < this.#scores.length; place++) {
      const context = this.#contexts[place];
      const number = this.#values[place] ?? Number.NaN;
      const score = this.#scores[place] ?? "";
      const value = Number.isNaN(number) ? (this.#texts[texts++] ?? "") : number;
      const text = context === undefined ? `${value}` : recordText(context, value, score);
      addRow(rows, score, this.#number + (ID_ENDS[place] ?? ""), text);
    }
    return rows;
  }

  /** Its calls wait no longer. Returns false if they were answered already. */
  answerFalse(): boolean {
    if (this.#isAnswered) return false;
    this.#isAnswered = true;
    stopTimer(this.#timer);
    this.#answer.resolve(false);
    return true;
  }

  /** Ends it: stored, or dropped. */
  settle(stored: boolean): void {
    stopTimer(this.#timer);
    this.#isAnswered = true;
    this.#answer.resolve(stored);
    this.#fate.resolve(stored);
  }

  #add(context: MetricContext | undefined, value: number, score: string, text: number): number {
    this.#contexts.push(context);
    this.#values.push(value);
    this.#scores.push(score);
    const weight = text + RECORD_OVERHEAD;
    this.bytes += weight;
    return weight;
  }
}
