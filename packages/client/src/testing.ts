/**
 * A client for tests of an application: it keeps its records in memory, and has assertions about them.
 *
 * ```ts
 * const client = new TestClient();
 * orderBook(client).place(order);
 * client.expectCount("orders", 1, { tags: { kind: "limit" } });
 * ```
 *
 * It needs no Redis and sends nothing. Names and tags are normalised, prefixed and checked as by a real client. Each call is a
 * separate record, and sampling skips none.
 */
import { AssertionError } from "node:assert";
import { isDeepStrictEqual } from "node:util";
import {
  type EventRecord,
  type Log,
  type MetricType,
  NO_TAGS,
  type ServiceCheck,
  type SetElement,
  type Tags,
} from "@chouette-iot/record";
import { type MetricContext, recordText } from "@chouette-iot/record/calls";
import { Calls } from "./calls.js";
import type { AnyMetric, Catalogue } from "./catalogue.js";
import { ChouetteClient } from "./client.js";
import { ClientEvents } from "./client-events.js";
import { optionsFor } from "./client-internals.js";
import { ContextLookup } from "./context-lookup.js";
import { Counters, type Refusal } from "./counters.js";
import type { ClientStats, Recorder } from "./recorder.js";
import { readTags, type TagInput } from "./tag-input.js";

/** A call as it would be stored. */
export interface TestRecord {
  readonly metric: string;
  readonly type: MetricType;
  readonly value: number | readonly SetElement[];
  /** Seconds since the epoch. */
  readonly timestamp: number;
  readonly tags: Tags;
}

export interface Expectation {
  /** Only records with these tags, and any others. */
  readonly tags?: TagInput;
}

export interface TestClientOptions {
  readonly prefix?: string;
  readonly tags?: TagInput;
}

export class TestClient<C extends Catalogue<C> = AnyMetric> extends ChouetteClient<C> {
  readonly #memory: Memory;

  constructor({ prefix, tags }: TestClientOptions = {}) {
    const memory = new Memory();
    const contexts = new ContextLookup(prefix, readTags(NO_TAGS, tags));
    super(optionsFor({ calls: new Calls(memory, contexts, 1), isChild: false }));
    this.#memory = memory;
  }

  /** All records so far, in order; optionally only those of a metric, with certain tags. */
  records(metric?: string, { tags }: Expectation = {}): readonly TestRecord[] {
    const wanted = Object.entries(readTags(NO_TAGS, tags));
    return this.#memory.records.filter(
      (record) =>
        (metric === undefined || record.metric === metric) &&
        wanted.every(([name, value]) => record.tags[name] === value),
    );
  }

  /** The logs that were recorded through `logSink`, in order. */
  logs(): readonly Log[] {
    return this.#memory.logs;
  }

  /** The events that were recorded, in order. */
  events(): readonly EventRecord[] {
    return this.#memory.sentEvents;
  }

  /** The service checks that were recorded, in order. */
  serviceChecks(): readonly ServiceCheck[] {
    return this.#memory.checks;
  }

  /** Removes all records. */
  clear(): void {
    this.#memory.records.length = 0;
    this.#memory.logs.length = 0;
    this.#memory.sentEvents.length = 0;
    this.#memory.checks.length = 0;
  }

  /** Asserts the sum of a count. All these assertions throw an AssertionError that lists the records. */
  expectCount(metric: string, sum: number, where?: Expectation): void {
    this.#expect("count", metric, where, sum, sumOf);
  }

  /** Asserts the sum of a rate's values. */
  expectRate(metric: string, sum: number, where?: Expectation): void {
    this.#expect("rate", metric, where, sum, sumOf);
  }

  /** Asserts the last value of a gauge. */
  expectGauge(metric: string, value: number, where?: Expectation): void {
    this.#expect("gauge", metric, where, value, (values) => values.at(-1));
  }

  /** Asserts the samples of a histogram, in order. */
  expectHistogram(metric: string, samples: readonly number[], where?: Expectation): void {
    this.#expect("histogram", metric, where, samples, (values) => values);
  }

  /** Asserts the samples of a distribution, in order. */
  expectDistribution(metric: string, samples: readonly number[], where?: Expectation): void {
    this.#expect("distribution", metric, where, samples, (values) => values);
  }

  /** Asserts the distinct elements of a set, in order of first occurrence. */
  expectSet(metric: string, elements: readonly SetElement[], where?: Expectation): void {
    const found = this.records(metric, where).filter(({ type }) => type === "set");
    const joined = new Set(found.flatMap(({ value }) => (typeof value === "number" ? [] : value)));
    this.#compare(`set ${metric}`, elements, [...joined]);
  }

  /** Asserts that nothing was recorded, at all or for this metric. */
  expectNothing(metric?: string, where?: Expectation): void {
    this.#compare(metric ?? "all metrics", [], this.records(metric, where));
  }

  #expect(
    type: MetricType,
    metric: string,
    where: Expectation | undefined,
    expected: unknown,
    summary: (values: readonly number[]) => unknown,
  ): void {
    const found = this.records(metric, where).filter((record) => record.type === type);
    const values = found.flatMap(({ value }) => (typeof value === "number" ? [value] : []));
    this.#compare(`${type} ${metric}`, expected, summary(values));
  }

  #compare(what: string, expected: unknown, actual: unknown): void {
    if (isDeepStrictEqual(actual, expected)) return;
    const all = this.#memory.records.map((record) => `\n  ${JSON.stringify(record)}`).join("");
    const message = `${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(actual)}. Recorded:${all || " nothing"}`;
    throw new AssertionError({ message, expected, actual, operator: "expect" });
  }
}

const STORED = Promise.resolve(true);
const REFUSED = Promise.resolve(false);

class Memory implements Recorder {
  readonly counters = new Counters();
  readonly isAtCardinalityLimit = false;
  readonly events = new ClientEvents(this.counters);
  readonly records: TestRecord[] = [];
  readonly logs: Log[] = [];
  readonly sentEvents: EventRecord[] = [];
  readonly checks: ServiceCheck[] = [];

  number(context: MetricContext, value: number): Promise<boolean> {
    return this.recordAt(context, value, Date.now() / 1000);
  }

  elements(context: MetricContext, elements: readonly SetElement[]): Promise<boolean> {
    return this.recordAt(context, elements, Date.now() / 1000);
  }

  recordAt(
    context: MetricContext,
    value: number | readonly SetElement[],
    timestamp: number,
  ): Promise<boolean> {
    const text = typeof value === "number" ? value : JSON.stringify(value);
    this.records.push(JSON.parse(recordText(context, text, `${timestamp}`)));
    return this.#stored();
  }

  log(text: string): Promise<boolean> {
    this.logs.push(JSON.parse(text));
    return this.#stored();
  }

  text(queue: "events" | "checks", text: string): Promise<boolean> {
    if (queue === "events") this.sentEvents.push(JSON.parse(text));
    else this.checks.push(JSON.parse(text));
    return this.#stored();
  }

  refuse(reason: Refusal, message?: string): Promise<boolean> {
    this.events.onCallRefused(reason, message);
    return REFUSED;
  }

  flush(): Promise<boolean> {
    return STORED;
  }

  async close(): Promise<void> {}

  get stats(): ClientStats {
    const { dropped, refused, ...counts } = this.counters;
    const { lastError } = this.events;
    return {
      ...counts,
      dropped: { ...dropped },
      refused: { ...refused },
      buffered: 0,
      spilled: 0,
      connected: true,
      ...(lastError === undefined ? {} : { lastError }),
    };
  }

  #stored(): Promise<boolean> {
    this.counters.accepted++;
    this.counters.stored++;
    return STORED;
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
