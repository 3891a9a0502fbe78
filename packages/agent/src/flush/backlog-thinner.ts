/**
 * Thins the backlog of ready metrics (BACKLOG_RESOLUTION), so that the backlog of a long outage takes fewer bytes to send.
 *
 * Promises: sums of counts stay exact. A point is joined with others only if it can't be at Datadog yet, was made by this
 * agent, and isn't in its window's last second, which is sent again whole. Removed and joined points and the windows' state
 * change in one settlement; after a crash, thinning again changes nothing more. Memory is bounded by a page and
 * {@link MAX_LENGTH}. While it runs, nothing else removes ready metrics.
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
import type { WindowState } from "./window-state.js";
import type { WindowStates } from "./window-states.js";

export interface Thinning {
  /** In seconds, by ascending age: of points older than `age`, one per `step` is kept. Steps ascend, too. */
  readonly resolutions: readonly { readonly age: number; readonly step: number }[];
  readonly attempted: AttemptedTimes;
  /** Runs the step while nothing else removes or moves ready metrics; returns undefined without running it if something does. */
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
/** Records read in one call, since the flush and the dispatch wait for it. */
const MAX_READ = 20_000;
/** At the end of a page, settle if at least this many records are to be removed. */
const MAX_REMOVALS = 5_000;
/** Of a bucket's series in memory, in characters. */
const MAX_LENGTH = 8 * 1024 * 1024;

export class BacklogThinner {
  readonly #options: BacklogThinnerOptions;
  /** By index of the resolution: the time before which the backlog was thinned to it. */
  #through: number[] = [];

  constructor(options: BacklogThinnerOptions) {
    this.#options = options;
  }

  /**
   * Call after the windows' state was loaded: anything in the queue now may already have been sent, by another process.
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

  /** Thins points that became old enough since the last call, or some of them. Rejects if the store does. */
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

  /** @returns how many more records may be read */
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

  /** The state of the windows without the removed points, which a clock shift must no longer count as unsent. */
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
