/**
 * The backlog's points of one bucket, series by series: counts and rates are joined into one point, of gauges one stays.
 *
 * Promises: the amounts of counts and rates add up to what they were. The joined point takes the place of the first, under
 * its id and at its second: no other point can come to be there. What isn't one point at its own place in the queue stays as
 * it is, and so does what can't be added up. It changes nothing by itself: a step takes effect when it is settled.
 * What it loses: of gauges all values but the last, or the largest of those named `.max` and the smallest of those named
 * `.min`.
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

/** What a settlement does with a queue. */
export interface ThinnedStep {
  readonly removed: readonly Position[];
  /** Under ids that they have already. */
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

  /** Records that leave with the next step. */
  get removals(): number {
    return this.#removed.length;
  }

  /** Of what is held of its series, in characters of their records. */
  get length(): number {
    return this.#length;
  }

  /** Records come in the order of the queue. @param mayJoin whether a count or rate may be added to another */
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

  /** What has changed since the last step. More may be added after it. */
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
    // A rate without an interval stands for no amount.
    if (metric.type === "rate" && interval === undefined) return;
    const last = { at: position.score, amount: metric.type === "rate" ? value * (interval ?? 1) : value };
    const joined = this.#series.get(key);
    if (joined === undefined) {
      const first = { first: position, metric, earlier: 0, last, isChanged: false };
      this.#series.set(key, { kind: "joined", ...first, interval: Math.max(this.#step, interval ?? 0) });
    }
    if (joined?.kind !== "joined") return;
    // Of two values of one second, the intake keeps the later.
    const earlier = joined.last.at === last.at ? joined.earlier : joined.earlier + joined.last.amount;
    if (!Number.isFinite(earlier + last.amount)) return;
    joined.interval = Math.max(joined.interval, interval ?? 0);
    Object.assign(joined, { earlier, last, isChanged: true });
    this.#removed.push(position);
  }
}

/** As Datadog tells series apart, and the type. Lengths of windows may differ. */
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
