/**
 * Thins the backlog of ready metrics (BACKLOG_RESOLUTION), so that a long outage takes fewer bytes on the wire.
 *
 * Promises: sums of counts stay exact. A point is joined with others only if it can't be at Datadog yet, is this agent's own,
 * and isn't in its window's last second, which is sent again whole. What leaves, what takes its place and the windows' state
 * change in one settlement: a crash before it changes nothing, and to do it again after a crash doesn't, either. Memory
 * is bounded by a page and {@link MAX_LENGTH}. Nobody else takes records out meanwhile.
 */
import {
  counterName,
  type Page,
  type Position,
  pages,
  type Store,
  type StoredRecord,
} from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";
import type { AttemptedTimes } from "../runtime/attempted-times.js";
import { isForwarded, isOfFlush, isOwnReady } from "../runtime/ready-ids.js";
import { BacklogBucket } from "./backlog-bucket.js";
import type { WindowState, WindowStates } from "./window-state.js";

export interface Thinning {
  /** By rising age: what is older than `age` has one point for each `step`, which rises as well. In seconds. */
  readonly resolutions: readonly { readonly age: number; readonly step: number }[];
  readonly attempted: AttemptedTimes;
  /** Does the step while nobody else takes ready metrics out or moves them; undefined if somebody does now. */
  whileUnused<T>(step: () => Promise<T>): Promise<T | undefined>;
}

export interface BacklogThinnerOptions extends Thinning {
  readonly store: Store;
  /** Of ready metrics. */
  readonly queue: string;
  readonly states: WindowStates;
}

/** Times with one resolution, in seconds: `from` included, `to` excluded. */
interface DueRange {
  readonly index: number;
  readonly step: number;
  readonly from: number;
  readonly to: number;
}

const PAGE = 1_000;
/** Records read in one call: the flush and the dispatch are waiting. */
const MAX_READ = 20_000;
/** Records that leave in one settlement, unless a page has more. */
const MAX_REMOVALS = 5_000;
/** Of what is held of a bucket's series, in characters. */
const MAX_LENGTH = 8 * 1024 * 1024;

export class BacklogThinner {
  readonly #options: BacklogThinnerOptions;
  /** By resolution, up to which time the backlog has it. */
  #through: number[] = [];

  constructor(options: BacklogThinnerOptions) {
    this.#options = options;
  }

  /**
   * To be called when the state of windows was read: what the queue holds by now may have been sent by anyone.
   * Rejects if the store does.
   */
  async begin(now: Seconds): Promise<void> {
    const { store, queue, attempted } = this.#options;
    this.#through = [];
    let latest: number = now;
    for await (const page of pages(store, queue, { after: { score: now, id: "" }, limit: PAGE }))
      latest = lastOf(page).score;
    attempted.add(Number.NEGATIVE_INFINITY, latest);
  }

  /** Thins what became old enough since the last call, or a part of it. Rejects if the store does. */
  async thin(now: Seconds): Promise<void> {
    const due = this.#due(now);
    if (due.length === 0) return;
    await this.#options.whileUnused(async () => {
      let left = MAX_READ;
      for (const range of due) if (left > 0) left = await this.#thinRange(range, left);
    });
  }

  /** The oldest first. */
  #due(now: Seconds): readonly DueRange[] {
    const ends = this.#options.resolutions.map(({ age, step }) => Math.floor((now - age) / step) * step);
    const ranges = this.#options.resolutions.map(({ step }, index) => {
      const from = Math.max(0, this.#through[index] ?? 0, ends[index + 1] ?? 0);
      return { index, step, from, to: ends[index] ?? 0 };
    });
    return ranges.filter(({ from, to }) => from < to).reverse();
  }

  /** @returns how many records more may be read */
  async #thinRange({ index, step, from, to }: DueRange, mayRead: number): Promise<number> {
    const { store, queue } = this.#options;
    let left = mayRead;
    let bucket = new BacklogBucket(from, step);
    for await (const page of pages(store, queue, {
      after: { score: from, id: "" },
      before: to,
      limit: PAGE,
    })) {
      for (const record of page) {
        const start = Math.floor(record.score / step) * step;
        if (start > bucket.start) {
          await this.#settle(bucket);
          this.#through[index] = start;
          if (left <= 0) return 0;
          bucket = new BacklogBucket(start, step);
        }
        if (isOwnReady(record.id) && !isForwarded(record.id)) bucket.add(record, this.#mayJoin(record));
        left -= 1;
      }
      if (bucket.removals >= MAX_REMOVALS || bucket.length >= MAX_LENGTH) await this.#settle(bucket);
      if (bucket.length >= MAX_LENGTH) bucket = new BacklogBucket(bucket.start, step);
    }
    await this.#settle(bucket);
    this.#through[index] = to;
    return left;
  }

  #mayJoin({ id, score }: StoredRecord): boolean {
    if (this.#options.attempted.includes(score)) return false;
    if (!isOfFlush(id)) return true;
    const { states } = this.#options;
    const { start, interval } = states.grid.windowAt(seconds(score));
    return states.has(start) && score < start + interval - 1;
  }

  async #settle(bucket: BacklogBucket): Promise<void> {
    const { removed, replaced } = bucket.takeStep();
    if (removed.length === 0) return;
    const { store, queue, states } = this.#options;
    const thinner = this.#thinnerWindows(removed);
    await store.settle({
      onlyWhile: states.expected(thinner.keys()),
      remove: [{ queue, records: removed, counter: counterName(queue, "thinned") }],
      add: [{ queue, records: replaced }],
      state: new Map([...thinner].map(([start, state]) => states.entry(start, state))),
    });
    for (const [start, state] of thinner) states.set(start, state);
  }

  /** The state of windows without these: what left here was not sent, and is to move with its window if the clock is set. */
  #thinnerWindows(removed: readonly Position[]): ReadonlyMap<Seconds, WindowState> {
    const { states } = this.#options;
    const thinner = new Map<Seconds, WindowState>();
    for (const { id, score } of removed) {
      const window = states.grid.windowAt(seconds(score));
      if (!isOfFlush(id) || !states.has(window.start)) continue;
      const { ready, ...state } = thinner.get(window.start) ?? states.get(window);
      if (ready !== undefined) thinner.set(window.start, { ...state, ready: ready - 1 });
    }
    return thinner;
  }
}

function lastOf(page: Page): StoredRecord {
  return page.at(-1) ?? page[0];
}
