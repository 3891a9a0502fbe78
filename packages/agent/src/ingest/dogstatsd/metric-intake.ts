/**
 * Metric lines become calls of the aggregator, with the meaning that the Datadog Agent gives them.
 *
 * | type | becomes |
 * |---|---|
 * | `c` | a count of value ÷ sample rate |
 * | `g` | a gauge; with `+` a step up from its last value, with `-` a step down if it was ever stepped up |
 * | `h`, `ms` | samples of a histogram, each standing for 1 ÷ sample rate |
 * | `d` | likewise of a distribution |
 * | `s` | an element of a set |
 *
 * A `-` alone is a negative value, as with the Datadog Agent: `temperature:-5|g` must not become a step. Etsy's statsd
 * takes every sign for a step; SIGNED is for its clients.
 */
import type { Result } from "@chouette-iot/record";
import { Aggregator, type MetricContext, recordText } from "@chouette-iot/record/calls";
import type { StatsdCounters } from "./counters.js";
import { metricParts, parseNumber } from "./metric-line.js";
import { type KnownSeries, SeriesLookup, TOO_MANY_NAMES } from "./series-lookup.js";

export interface MetricIntakeOptions {
  readonly counters: StatsdCounters;
  readonly cardinalityLimit: number;
  /** Whether the container that a line came from becomes tags. */
  readonly withOrigin: boolean;
  /** Whether every signed gauge is a step. */
  readonly signedGaugesAreSteps: boolean;
  /** Takes a raw record. @param score Unix time in seconds */
  store(text: string, score: number): void;
}

const STORED = Promise.resolve(true);
const SECOND = 1_000;
const NO_PARTS = "no name:value|type";

export class MetricIntake {
  readonly #options: MetricIntakeOptions;
  readonly #aggregator: Aggregator;
  readonly #lookup: SeriesLookup;
  /** Gauges that were stepped up. */
  readonly #stepped = new WeakSet<MetricContext>();

  constructor(options: MetricIntakeOptions) {
    this.#options = options;
    this.#lookup = new SeriesLookup(options.withOrigin);
    this.#aggregator = new Aggregator(options.cardinalityLimit, options.counters, (context, value, at) => {
      options.store(recordText(context, value, `${at / SECOND}`), at / SECOND);
      return STORED;
    });
  }

  /** Answers why the line was refused; undefined if it was taken. Of a line that is refused, nothing is taken. */
  take(line: string): string | undefined {
    const parts = metricParts(line);
    if (parts === undefined) return this.#invalid(NO_PARTS);
    const { colon, bar } = parts;
    const found = this.#find(line.slice(0, colon), line.slice(bar));
    if (!found.ok) {
      if (found.reason !== TOO_MANY_NAMES) return this.#invalid(found.reason);
      this.#options.counters.refusedLines++;
      return undefined;
    }
    const series = found.value;
    const text = line.slice(colon + 1, bar);
    if (series.type === "set") {
      this.#aggregator.addToSet(series.context, [text]);
      this.#options.counters.values++;
      return undefined;
    }
    return text.includes(":") ? this.#takeSeveral(series, text.split(":")) : this.#takeOne(series, text);
  }

  /** Turns what is pending into records now. */
  flush(): void {
    this.#aggregator.flush();
  }

  #find(name: string, fields: string): Result<KnownSeries> {
    return this.#lookup.find(name, fields, () => this.#aggregator.isAtCardinalityLimit(Date.now()));
  }

  #takeOne(series: KnownSeries, text: string): string | undefined {
    const value = parseNumber(text);
    if (value === undefined || !this.#isFinite(series, value))
      return this.#invalid("the value isn't a number");
    this.#add(series, value, text);
    return undefined;
  }

  #takeSeveral(series: KnownSeries, texts: readonly string[]): string | undefined {
    const values = texts.map(parseNumber);
    if (values.some((value) => value === undefined || !this.#isFinite(series, value)))
      return this.#invalid("a value isn't a number");
    for (const [index, value] of values.entries()) this.#add(series, value ?? 0, texts[index] ?? "");
    return undefined;
  }

  /** Of a count, what a sampled value stands for must be a number as well. */
  #isFinite({ weight }: KnownSeries, value: number): boolean {
    return Number.isFinite(value * weight);
  }

  #add(series: KnownSeries, value: number, text: string): void {
    const { context, weight, timestamp } = series;
    this.#options.counters.values++;
    const scaled = series.type === "count" ? value * weight : value;
    if (timestamp !== undefined) {
      this.#options.store(recordText(context, scaled, `${timestamp}`), timestamp);
      return;
    }
    switch (series.type) {
      case "count":
        this.#aggregator.addToSum(context, scaled);
        break;
      case "gauge":
        this.#aggregator.setGauge(context, this.#isStep(context, text) ? context.value + value : value);
        break;
      case "histogram":
      case "distribution":
        this.#aggregator.addSample(context, value, weight);
        break;
      case "set":
        break;
      default:
        series.type satisfies never;
    }
  }

  #isStep(context: MetricContext, text: string): boolean {
    const isUp = text.charCodeAt(0) === 43;
    if (isUp) this.#stepped.add(context);
    if (isUp) return true;
    const isSigned = text.charCodeAt(0) === 45;
    return isSigned && (this.#options.signedGaugesAreSteps || this.#stepped.has(context));
  }

  #invalid(reason: string): string {
    this.#options.counters.invalidLines++;
    return reason;
  }
}
