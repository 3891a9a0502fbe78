/**
 * One bucket of the backlog that is thinned: per series, counts and rates are joined into one point, and one gauge is kept.
 *
 * Promises: the sums of counts and rates don't change. The joined point replaces the first, under its id and at its second,
 * which no other point can use. Records of several points, or with another score than their point's time, stay as they are,
 * and so do points whose sum wouldn't be finite. Nothing changes until a step is settled.
 * What it loses: all values of a gauge but the last, or but the largest if its name ends in `.max` and the smallest if it
 * ends in `.min`.
 */
import type { NewRecord, Position, StoredRecord } from "@chouette-iot/queue";
import { decodeReadyMetric, type ReadyMetric, type Seconds, seconds } from "@chouette-iot/record";

/** Counts or rates of a series. */
interface Joined {
  readonly kind: "joined";
  readonly first: Position;
  readonly metric: ReadyMetric;
  /** The sum of the amounts before the last second. */
  earlier: number;
  last: { readonly at: number; readonly amount: number };
  interval: number;
  isChanged: boolean;
}

interface Gauge {
  readonly kind: "gauge";
  position: Position;
  value: number;
}

/** What to change in the queue. */
export interface ThinnedStep {
  readonly removed: readonly Position[];
  /** Joined points, each under the id of a point that it replaces. */
  readonly replaced: readonly NewRecord[];
}

export class BacklogBucket {
  readonly start: number;
  readonly #step: number;
  readonly #series = new Map<string, Joined | Gauge>();
  #removed: Position[] = [];
  #length = 0;

  /** @param start in seconds since the epoch. @param step the bucket's length, in seconds */
  constructor(start: number, step: number) {
    this.start = start;
    this.#step = step;
  }

  /** How many records the next step removes. */
  get removals(): number {
    return this.#removed.length;
  }

  /** The length of one record of each series, in characters: a measure of the memory held. */
  get length(): number {
    return this.#length;
  }

  /** Call in the order of the queue. @param mayJoin whether a count or rate may be joined with others */
  add({ score, id, place, value }: StoredRecord, mayJoin: boolean): void {
    const decoded = value === undefined ? undefined : decodeReadyMetric(value);
    if (value === undefined || !decoded?.ok) return;
    const metric = decoded.value;
    const [point, ...others] = metric.points;
    if (point === undefined || others.length > 0 || point[0] !== score || !Number.isInteger(score)) return;
    const position = { score, id, place };
    const key = seriesOf(metric);
    const isNew = !this.#series.has(key);
    if (metric.type === "gauge") this.#addGauge(key, position, metric.metric, point[1]);
    else if (mayJoin) this.#join(key, position, metric, point[1]);
    if (isNew && this.#series.has(key)) this.#length += value.length;
  }

  /** Returns the changes since the last step. More records may be added afterwards. */
  takeStep(): ThinnedStep {
    const removed = this.#removed;
    this.#removed = [];
    const replaced: NewRecord[] = [];
    for (const series of this.#series.values()) {
      if (series.kind === "gauge" || !series.isChanged) continue;
      series.isChanged = false;
      const { score, id } = series.first;
      replaced.push({ score, id, value: JSON.stringify(joinedMetric(series)) });
    }
    return { removed, replaced };
  }

  #addGauge(key: string, position: Position, name: string, value: number): void {
    const kept = this.#series.get(key);
    if (kept === undefined) this.#series.set(key, { kind: "gauge", position, value });
    if (kept?.kind !== "gauge") return;
    const isKept =
      (name.endsWith(".max") && kept.value > value) || (name.endsWith(".min") && kept.value < value);
    this.#removed.push(isKept ? position : kept.position);
    if (!isKept) Object.assign(kept, { position, value });
  }

  #join(key: string, position: Position, metric: ReadyMetric, value: number): void {
    const { interval } = metric;
    // Without its interval, a rate doesn't determine an amount.
    if (metric.type === "rate" && interval === undefined) return;
    const last = { at: position.score, amount: metric.type === "rate" ? value * (interval ?? 1) : value };
    const joined = this.#series.get(key);
    if (joined === undefined) {
      const first = { first: position, metric, earlier: 0, last, isChanged: false };
      this.#series.set(key, { kind: "joined", ...first, interval: Math.max(this.#step, interval ?? 0) });
    }
    if (joined?.kind !== "joined") return;
    // Of two values for one second, the intake keeps the later.
    const earlier = joined.last.at === last.at ? joined.earlier : joined.earlier + joined.last.amount;
    if (!Number.isFinite(earlier + last.amount)) return;
    joined.interval = Math.max(joined.interval, interval ?? 0);
    Object.assign(joined, { earlier, last, isChanged: true });
    this.#removed.push(position);
  }
}

/** What identifies a series at Datadog, and its type. The intervals of its points may differ. */
function seriesOf({ metric, type, tags, host, interval }: ReadyMetric): string {
  return JSON.stringify([metric, type, tags, host, interval === undefined]);
}

function joinedMetric({ metric, first, earlier, last, interval }: Joined): ReadyMetric {
  const amount = earlier + last.amount;
  const at = seconds(first.score);
  if (metric.interval === undefined) return { ...metric, points: [[at, amount]] };
  const value = metric.type === "rate" ? amount / interval : amount;
  return { ...metric, points: [[at, value]], interval: interval as Seconds };
}
