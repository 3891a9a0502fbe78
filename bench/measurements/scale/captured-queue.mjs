/**
 * The ready queue of a simulated device: what a host collector captures every 30 s, from a seeded generator.
 *
 * A store for the agent's dispatcher that keeps numbers and makes the records' text only when they are read: thousands of
 * devices with an hour's backlog fit into memory. It has the one queue that a device sends from; others are empty.
 * For records that are only counted, it keeps no numbers: all texts of a series are like the first.
 */
import { encodeReadyMetric } from "../../../packages/record/dist/index.js";
import { hostSeries } from "../../workloads/host.mjs";
import { Source } from "../../workloads/source.mjs";

const CAPTURE_INTERVAL = 30;
const SERIES = 24;

export class CapturedQueue {
  epoch = 0;
  #series;
  #prefix;
  /** The text of a record of each series, if records are only counted. @type {readonly string[] | undefined} */
  #texts;
  /** Unix time of the first capture, in seconds. */
  #from;
  #now;
  /** The captures with records that aren't settled, by number: `{ values, left }`, with a bit of `left` for each record. */
  #captures = new Map();
  #captured = 0;
  #state = new Map();
  #size = 0;

  /**
   * @param {object} options
   * @param {number} options.seed
   * @param {number} options.from  Unix time of the first capture, in seconds
   * @param {() => number} options.now  Unix time in ms: what was captured until then is in the queue
   * @param {boolean} [options.isCounted]
   */
  constructor({ seed, from, now, isCounted = false }) {
    this.#series = hostSeries(new Source(seed))
      .slice(0, SERIES)
      .map(({ metric, type = "gauge", tags = [], next }) => ({
        ...{ metric: `Chouette.host.${metric}`, type, tags, tagsJson: JSON.stringify(tags), next },
        ...(type === "gauge" ? {} : { interval: CAPTURE_INTERVAL }),
      }));
    this.#prefix = `collect.${(seed * 2_654_435_761).toString(16).slice(-8)}.`;
    this.#from = from;
    this.#now = now;
    if (isCounted) this.#texts = this.#series.map(({ next }, index) => this.#encoded(index, from, next(1)));
  }

  /** Records that wait. */
  get length() {
    this.#capture();
    return this.#size;
  }

  async size() {
    return this.length;
  }

  /**
   * @param {string} _queue
   * @param {{ after?: any, before?: number, limit: number }} options
   */
  async read(_queue, { after, before = Number.POSITIVE_INFINITY, limit }) {
    this.#capture();
    const page = [];
    const [oldest = this.#captured] = this.#captures.keys();
    const start = after === undefined ? 0 : Math.ceil((after.score - this.#from) / CAPTURE_INTERVAL);
    // Without a walk through captures that aren't wanted: a dispatch without a connection reads none.
    for (let number = Math.max(oldest, start); number < this.#captured; number++) {
      const at = this.#at(number);
      if (at >= before) break;
      const { values, left } = this.#captures.get(number) ?? { left: 0 };
      const first = at === after?.score && after.id !== "" ? this.#indexOf(after.id).index + 1 : 0;
      for (let index = first; left !== 0 && index < SERIES; index++) {
        if ((left & (1 << index)) === 0) continue;
        const value = this.#texts?.[index] ?? this.#encoded(index, at, values[index]);
        page.push({ score: at, id: this.#id(number, index), value });
        if (page.length === limit) return page;
      }
    }
    return page;
  }

  /** @param {{ remove?: readonly any[], state?: ReadonlyMap<string, string | undefined> }} settlement */
  async settle({ remove = [], state = new Map() }) {
    for (const { records } of remove)
      for (const { id } of records) {
        const { number, index } = this.#indexOf(id);
        const capture = this.#captures.get(number);
        if (capture === undefined || (capture.left & (1 << index)) === 0) continue;
        capture.left &= ~(1 << index);
        this.#size -= 1;
        if (capture.left === 0) this.#captures.delete(number);
      }
    for (const [key, text] of state) {
      if (text === undefined) this.#state.delete(key);
      else this.#state.set(key, text);
    }
  }

  async state(keys) {
    return keys.map((key) => this.#state.get(key));
  }

  async stateWithPrefix(prefix) {
    return new Map([...this.#state].filter(([key]) => key.startsWith(prefix)));
  }

  #capture() {
    for (; this.#at(this.#captured) * 1_000 <= this.#now(); this.#captured++) {
      const values = this.#texts === undefined ? this.#series.map(({ next }) => next(1)) : undefined;
      this.#captures.set(this.#captured, { values, left: 2 ** SERIES - 1 });
      this.#size += SERIES;
    }
  }

  #at(number) {
    return this.#from + number * CAPTURE_INTERVAL;
  }

  #encoded(index, at, value) {
    const { metric, type, tags, tagsJson, interval } = this.#series[index];
    const points = /** @type {any} */ ([[at, value]]);
    const record = { metric, type, tags, points, ...(interval === undefined ? {} : { interval }) };
    return encodeReadyMetric(/** @type {any} */ (record), tagsJson);
  }

  #id(number, index) {
    return `${this.#prefix}${number * SERIES + index}`;
  }

  #indexOf(id) {
    const count = Number(id.slice(this.#prefix.length));
    return { number: Math.floor(count / SERIES), index: count % SERIES };
  }
}
