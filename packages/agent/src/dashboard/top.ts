/**
 * The cost of metrics since the agent's start, and of tags and clients since the first request.
 *
 * Promises: the sums equal the ledger. It watches the pipeline while there are requests, and stops a minute after the last one.
 */
import { type Seconds, seconds, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import type { RecordTap } from "../status/record-tap.js";
import type { MetricUse, SeriesMeter } from "../status/series-use.js";
import { type Cardinality, CardinalityMeter, type TagUse } from "./cardinality.js";

export interface Top extends Pick<Cardinality, "tags" | "clients" | "isComplete"> {
  /** How long tags, clients and series have been watched. */
  readonly watched: Seconds;
  /** Delivered since the agent's start, sorted by bytes, the largest first. */
  readonly metrics: readonly TopMetric[];
  readonly others?: Pick<MetricUse, "records" | "bytes"> | undefined;
}

export interface TopMetric extends MetricUse {
  /** The tag with most values; undefined if the metric wasn't seen while watching, or has no tags. */
  readonly widestTag?: Pick<TagUse, "tag" | "values"> | undefined;
}

const KEPT_MS = 60_000;

export class TopView {
  readonly #tap: RecordTap;
  readonly #series: SeriesMeter;
  readonly #clock: Clock;
  #meter: CardinalityMeter | undefined;
  #unwatch: () => void = () => {};
  #since = seconds(0);
  #stop: NodeJS.Timeout | undefined;

  constructor(source: {
    readonly tap: RecordTap;
    readonly series: SeriesMeter;
    readonly clock: Clock;
  }) {
    this.#tap = source.tap;
    this.#series = source.series;
    this.#clock = source.clock;
  }

  read(): Top {
    const meter = this.#watching();
    const { metrics: cardinalities, ...rest } = meter.use();
    const { metrics, others } = this.#series.use();
    return {
      watched: seconds(Math.max(0, Math.round(this.#now() - this.#since))),
      metrics: metrics.map((use) => {
        const found = cardinalities.get(use.metric);
        const widest = found?.widest;
        return {
          ...use,
          series: Math.max(use.series, found?.series ?? 0),
          widestTag: widest && { tag: widest.tag, values: widest.values },
        };
      }),
      others,
      ...rest,
    };
  }

  #watching(): CardinalityMeter {
    clearTimeout(this.#stop);
    const meter = this.#meter ?? new CardinalityMeter();
    if (this.#meter === undefined) {
      this.#meter = meter;
      this.#since = this.#now();
      this.#unwatch = this.#tap.watch((moved) => meter.add(moved));
    }
    this.#stop = setTimeout(() => {
      this.#unwatch();
      this.#meter = undefined;
    }, KEPT_MS).unref();
    return meter;
  }

  /** On the monotonic clock. */
  #now(): Seconds {
    return toSeconds(this.#clock.monotonic());
  }
}
