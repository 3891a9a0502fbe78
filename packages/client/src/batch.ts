/**
 * A batch: records that go to the broker in one MULTI, and the promise that their calls share.
 *
 * Until it is sent, a record is only its context, value and time. Text and id are created on sending, which keeps V8's heap
 * and its garbage collections small.
 */
import type { Milliseconds } from "@chouette-iot/record";
import type { MetricContext } from "@chouette-iot/record/calls";
import { recordText } from "@chouette-iot/record/calls";
import { deferred, monotonicNow, startTimer, stopTimer, type Timer } from "@chouette-iot/record/host";
import { addRow, emptyRows, type Rows } from "./rows.js";

export const BATCH_RECORDS = 500;
export const BATCH_BYTES = 256 * 1024;

/** Estimated memory of a record without its texts: numbers, id, score and list entries. */
const RECORD_OVERHEAD = 100;

/** The last two digits of a batch's ids, in base 36: they sort in the order of the calls. */
const ID_ENDS = Array.from({ length: BATCH_RECORDS }, (_, index) => index.toString(36).padStart(2, "0"));

export class Batch {
  readonly queue: string;
  /** Time of its first record, in milliseconds of the monotonic clock. */
  readonly begun = monotonicNow();
  readonly #answer = deferred();
  readonly #fate = deferred();
  /** The answer to its calls: true once stored; false once dropped, or after the answer timeout (it may be stored later). */
  readonly answer = this.#answer.promise;
  /** The final outcome: true once stored, false once dropped. */
  readonly fate = this.#fate.promise;
  /** Its estimated memory once its texts are created. */
  bytes = 0;
  readonly #number: string;
  readonly #timer: Timer;
  /** By record: its context, undefined if the record is a text; its value, NaN if it is in `#texts`; and its time. */
  readonly #contexts: (MetricContext | undefined)[] = [];
  readonly #values: number[] = [];
  readonly #scores: string[] = [];
  /** The values that are texts, in order. Separate, so that V8 stores the numbers unboxed. */
  readonly #texts: string[] = [];
  #isAnswered = false;

  /** @param number unique: the prefix of its records' ids */
  constructor(queue: string, number: string, answerTimeout: Milliseconds) {
    this.queue = queue;
    this.#number = number;
    this.#timer = startTimer(() => this.answerFalse(), answerTimeout);
  }

  get records(): number {
    return this.#scores.length;
  }

  /**
   * Adds a metric.
   *
   * @param value JSON: a finite number, or the text of an array or object
   * @param score seconds since the epoch, as text
   * @returns the estimated bytes of the record
   */
  addMetric(context: MetricContext, value: number | string, score: string): number {
    if (typeof value === "number") return this.#add(context, value, score, context.jsonLength);
    this.#texts.push(value);
    return this.#add(context, Number.NaN, score, context.jsonLength + value.length);
  }

  /** Adds a log, event or service check, like `addMetric`. @param text its JSON */
  addText(text: string, score: string): number {
    this.#texts.push(text);
    return this.#add(undefined, Number.NaN, score, text.length);
  }

  get isFull(): boolean {
    return this.records >= BATCH_RECORDS || this.bytes >= BATCH_BYTES;
  }

  /** Its records as they are stored, created by each call. */
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

  /** Answers false to its calls. Returns false if they have been answered already. */
  answerFalse(): boolean {
    if (this.#isAnswered) return false;
    this.#isAnswered = true;
    stopTimer(this.#timer);
    this.#answer.resolve(false);
    return true;
  }

  /** Concludes it as stored or dropped. */
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
