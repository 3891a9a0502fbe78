/**
 * Finds the context of a metric line by the text around its values, which lines of one series share.
 *
 * Promises: memory is bounded. At the limits a new generation begins, and series that aren't used during it are forgotten: a
 * program that always sends new series doesn't displace those in use. A gauge that is increased and decreased starts from 0
 * after it was forgotten, as after a restart. At the cardinality limit, new tags go to their metric's overflow context, and a
 * new name is refused; neither is remembered.
 */
import { canonicalTags, NO_TAGS, type Result, tagsByName } from "@chouette-iot/record";
import { Metric, type MetricContext } from "@chouette-iot/record/calls";
import { type MetricShape, parseShape } from "./metric-line.js";
import { originTags } from "./origin.js";
import type { ScannedLine } from "./scanned-line.js";
import { SeriesCache } from "./series-cache.js";

export interface KnownSeries {
  readonly context: MetricContext;
  readonly type: MetricShape["type"];
  /** Number of calls that a line stands for: 1 / sample rate. */
  readonly weight: number;
  /** Unix time in seconds, if the line has one. */
  readonly timestamp: number | undefined;
}

/** Why a valid line is refused. */
export const TOO_MANY_NAMES = "too many new metric names within a second";

const MAX_METRICS = 20_000;
/** Limit of the contexts' tags, in characters. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

export class SeriesLookup {
  readonly #withOrigin: boolean;
  #series = new SeriesCache<KnownSeries>();
  #metrics = new Map<string, Metric>();
  /** Of the names that were read; those of remembered series are bounded like them. */
  #readMetrics = 0;
  #characters = 0;
  /** Of the previous generation. */
  #earlierSeries = new SeriesCache<KnownSeries>();
  #earlierMetrics = new Map<string, Metric>();

  /** @param withOrigin whether the container that a line came from becomes tags */
  constructor(withOrigin: boolean) {
    this.#withOrigin = withOrigin;
  }

  /** The series of a line; undefined if there was none like it before. */
  known(line: ScannedLine): KnownSeries | undefined {
    const found = this.#series.find(line);
    if (found !== undefined) return found;
    const earlier = this.#earlierSeries.find(line);
    if (earlier !== undefined) this.#remember(line, earlier);
    return earlier;
  }

  /**
   * Parses a line that isn't known.
   * @param isFull whether the cardinality limit is reached
   */
  read(line: ScannedLine, isFull: boolean): Result<KnownSeries> {
    const parsed = parseShape(line.name(), line.fields());
    if (!parsed.ok) return parsed;
    const { value: shape } = parsed;
    const series = (context: MetricContext): KnownSeries => {
      const { type, sampleRate, timestamp } = shape;
      return { context, type, weight: 1 / sampleRate, timestamp };
    };
    if (isFull) {
      const metric = this.#knownMetric(metricKey(shape));
      if (metric === undefined) return { ok: false, reason: TOO_MANY_NAMES };
      return { ok: true, value: series(metric.overflowContext) };
    }
    const tags = this.#withOrigin ? [...shape.tags, ...originTags(shape.origin)] : shape.tags;
    const metric = this.#metric(shape);
    const byName = tagsByName(canonicalTags(tags));
    // Lines with a timestamp differ from each other: neither they nor their contexts are remembered.
    if (shape.timestamp !== undefined) return { ok: true, value: series(metric.singleContext(byName)) };
    const found = series(metric.context(byName));
    this.#remember(line, found);
    return { ok: true, value: found };
  }

  #metric(shape: MetricShape): Metric {
    const key = metricKey(shape);
    const found = this.#metrics.get(key);
    if (found !== undefined) return found;
    const metric = this.#earlierMetrics.get(key) ?? new Metric(shape.type, shape.name, NO_TAGS);
    if (this.#readMetrics >= MAX_METRICS) this.#beginGeneration();
    this.#readMetrics++;
    this.#metrics.set(key, metric);
    return metric;
  }

  #knownMetric(key: string): Metric | undefined {
    return this.#metrics.get(key) ?? this.#earlierMetrics.get(key);
  }

  #remember(line: ScannedLine, series: KnownSeries): void {
    const { context } = series;
    this.#characters += context.jsonSuffix.length;
    if (this.#characters > MAX_CHARACTERS || !this.#series.add(line, series)) {
      this.#beginGeneration();
      this.#series.add(line, series);
    }
    // Other lines of the same series, for example with the tags in another order, must find the same context.
    this.#metrics.set(metricKey(context.metric), context.metric);
    context.metric.keep(context);
  }

  #beginGeneration(): void {
    for (const metric of this.#metrics.values()) metric.beginGeneration();
    this.#earlierSeries = this.#series;
    this.#earlierMetrics = this.#metrics;
    this.#series = new SeriesCache();
    this.#metrics = new Map();
    this.#readMetrics = 0;
    this.#characters = 0;
  }
}

function metricKey({ type, name }: Pick<Metric, "type" | "name">): string {
  return `${type} ${name}`;
}
