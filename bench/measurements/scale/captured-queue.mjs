/**
 * The ready queue of a simulated device: what a host collector captures every 30 s, from a seeded generator.
 *
 * A store for the agent's dispatcher that keeps numbers and makes the records' text only when they are read: thousands of
 * devices with an hour's backlog fit into memory. It has the one queue that a device sends from; others are empty.
 */
import { encodeReadyMetric } from "../../../packages/record/dist/index.js";
import { hostSeries } from "../../workloads/host.mjs";
import { Source } from "../../workloads/source.mjs";

const CAPTURE_INTERVAL = 30;

export class CapturedQueue {
  epoch = 0;
  #series;
  #prefix;
  /** Unix time of the next capture, in seconds. */
  #next;
  #now;
  /** The captures with records that aren't settled, by number: `{ at, values, left }`, with a bit of `left` for each record. */
  #captures = new Map();
  #captured = 0;
  #state = new Map();
  #size = 0;

  /**
   * @param {object} options
   * @param {number} options.seed
   * @param {number} options.from  Unix time of the first capture, in seconds
   * @param {() => number} options.now  Unix time in ms: what was captured until then is in the queue
   * @param {number} [options.series]  at most so many, for simulations without content
   */
  constructor({ seed, from, now, series = 24 }) {
    this.#series = hostSeries(new Source(seed))
      .slice(0, series)
      .map(({ metric, type = "gauge", tags = [], next }) => ({
        ...{ metric: `Chouette.host.${metric}`, type, tags, tagsJson: JSON.stringify(tags), next },
        ...(type === "gauge" ? {} : { interval: CAPTURE_INTERVAL }),
      }));
    this.#prefix = `collect.${(seed * 2_654_435_761).toString(16).slice(-8)}.`;
    this.#next = from;
    this.#now = now;
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
    for (const [number, { at, values, left }] of this.#captures) {
      if (after !== undefined && at < after.score) continue;
      if (at >= before) break;
      const first = at === after?.score && after.id !== "" ? this.#indexOf(after.id).index + 1 : 0;
      for (let index = first; index < values.length; index++) {
        if ((left & (1 << index)) === 0) continue;
        page.push({ score: at, id: this.#id(number, index), value: this.#text(index, at, values[index]) });
        if (page.length === limit) return page;
      }
    }
    return page;
  }

  /** @param {{ remove?: readonly any[], state?: ReadonlyMap<string, string | undefined> }} settlement */
  async settle({ remove = [], state = new Map() }) {
    for (const { id } of remove.flatMap(({ records }) => records)) {
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
    for (; this.#next * 1_000 <= this.#now(); this.#next += CAPTURE_INTERVAL) {
      const values = new Float64Array(this.#series.map(({ next }) => next(1)));
      this.#captures.set(this.#captured++, { at: this.#next, values, left: 2 ** values.length - 1 });
      this.#size += values.length;
    }
  }

  #text(index, at, value) {
    const { metric, type, tags, tagsJson, interval } = this.#series[index];
    const points = /** @type {any} */ ([[at, value]]);
    const record = { metric, type, tags, points, ...(interval === undefined ? {} : { interval }) };
    return encodeReadyMetric(/** @type {any} */ (record), tagsJson);
  }

  #id(number, index) {
    return `${this.#prefix}${number * this.#series.length + index}`;
  }

  #indexOf(id) {
    const count = Number(id.slice(this.#prefix.length));
    return { number: Math.floor(count / this.#series.length), index: count % this.#series.length };
  }
}
