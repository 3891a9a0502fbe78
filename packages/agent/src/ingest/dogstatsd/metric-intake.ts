/**
 * Converts metric lines to calls of the aggregator, with the same meaning as in the Datadog Agent.
 *
 * | type | becomes |
 * |---|---|
 * | `c` | a count of value ÷ sample rate |
 * | `g` | a gauge; with `+` an increase of its last value, with `-` a decrease if it was ever increased |
 * | `h`, `ms` | samples of a histogram, each with the weight 1 ÷ sample rate |
 * | `d` | samples of a distribution, likewise |
 * | `s` | an element of a set |
 *
 * Without an earlier `+`, a `-` is a negative value: `temperature:-5|g` must not become a decrease. Etsy's statsd takes
 * every sign for a change; CHOUETTE_STATSD_SIGNED_GAUGES is for its clients.
 */
import { Aggregator, type MetricContext, recordText } from "@chouette-iot/record/calls";
import type { StatsdCounters } from "./counters.js";
import { metricNumber } from "./metric-line.js";
import type { ScannedLine } from "./scanned-line.js";
import { type KnownSeries, SeriesLookup, TOO_MANY_NAMES } from "./series-lookup.js";

export interface MetricIntakeOptions {
  readonly counters: StatsdCounters;
  readonly cardinalityLimit: number;
  /** Whether the container that a line came from becomes tags. */
  readonly withOrigin: boolean;
  /** Whether every signed gauge is a change of its last value. */
  readonly signedGaugesAreSteps: boolean;
  /** Stores a raw record. @param metric its name @param score Unix time in seconds */
  store(metric: string, text: string, score: number): void;
}

const STORED = Promise.resolve(true);
const SECOND = 1_000;
const NO_PARTS = "no name:value|type";

export class MetricIntake {
  readonly #options: MetricIntakeOptions;
  readonly #aggregator: Aggregator;
  readonly #lookup: SeriesLookup;
  /** Gauges that were ever increased with a `+`. */
  readonly #stepped = new WeakSet<MetricContext>();

  constructor(options: MetricIntakeOptions) {
    this.#options = options;
    this.#lookup = new SeriesLookup(options.withOrigin);
    this.#aggregator = new Aggregator(options.cardinalityLimit, options.counters, (context, value, at) => {
      options.store(context.metric.name, recordText(context, value, `${at / SECOND}`), at / SECOND);
      return STORED;
    });
  }

  /**
   * Returns why the line was refused; undefined if it was accepted. A line is accepted as a whole or not at all.
   * @param now Unix time in milliseconds
   */
  take(line: ScannedLine, now: number): string | undefined {
    if (!line.hasParts) return this.#invalid(NO_PARTS);
    let series = this.#lookup.known(line);
    if (series === undefined) {
      const found = this.#lookup.read(line, this.#aggregator.isAtCardinalityLimit(now));
      if (!found.ok) return this.#refuse(found.reason);
      series = found.value;
    }
    if (series.type === "set") {
      this.#aggregator.addToSet(series.context, [line.values()], now);
      this.#options.counters.values++;
      return undefined;
    }
    const value = line.number();
    if (!isFiniteIn(series, value)) return this.#takeSeveral(series, line.values().split(":"), now);
    this.#add(series, value, line.isPlus, line.isMinus, now);
    return undefined;
  }

  /** Stores pending calls as records now. */
  flush(): void {
    this.#aggregator.flush();
  }

  #takeSeveral(series: KnownSeries, texts: readonly string[], now: number): string | undefined {
    const values = texts.map((text) => metricNumber(text) ?? Number.NaN);
    if (!values.every((value) => isFiniteIn(series, value))) {
      return this.#invalid(texts.length === 1 ? "the value isn't a number" : "a value isn't a number");
    }
    for (const [index, value] of values.entries()) {
      const text = texts[index] ?? "";
      this.#add(series, value, text.startsWith("+"), text.startsWith("-"), now);
    }
    return undefined;
  }

  #add(series: KnownSeries, value: number, isPlus: boolean, isMinus: boolean, now: number): void {
    const { context, weight, timestamp } = series;
    this.#options.counters.values++;
    const scaled = series.type === "count" ? value * weight : value;
    if (timestamp !== undefined) {
      this.#options.store(context.metric.name, recordText(context, scaled, `${timestamp}`), timestamp);
      return;
    }
    switch (series.type) {
      case "count":
        this.#aggregator.addToSum(context, scaled, now);
        break;
      case "gauge":
        this.#aggregator.setGauge(
          context,
          this.#isStep(context, isPlus, isMinus) ? finiteSum(context.value, value) : value,
          now,
        );
        break;
      case "histogram":
      case "distribution":
        this.#aggregator.addSample(context, value, weight, now);
        break;
      case "set":
        break;
      default:
        series.type satisfies never;
    }
  }

  #isStep(context: MetricContext, isPlus: boolean, isMinus: boolean): boolean {
    if (isPlus) this.#stepped.add(context);
    return isPlus || (isMinus && (this.#options.signedGaugesAreSteps || this.#stepped.has(context)));
  }

  #refuse(reason: string): string | undefined {
    if (reason !== TOO_MANY_NAMES) return this.#invalid(reason);
    this.#options.counters.refusedLines++;
    return undefined;
  }

  #invalid(reason: string): string {
    this.#options.counters.invalidLines++;
    return reason;
  }
}

/** The largest number instead of Infinity, which no record can have. */
function finiteSum(one: number, other: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, one + other));
}

/** Whether the value, and for a count value ÷ sample rate, is a finite number. */
function isFiniteIn({ weight }: KnownSeries, value: number): boolean {
  return Number.isFinite(value * weight);
}
