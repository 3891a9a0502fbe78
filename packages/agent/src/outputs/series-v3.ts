/**
 * Series as the columnar protobuf message of `POST /api/intake/metrics/v3/series`:
 *
 *     Payload { MetricData metricData = 3 }
 *
 * `MetricData` has a dictionary for each kind of text, and a list for each property of a series or point; {@link FIELDS} has
 * their numbers. A reference is an index into a dictionary (from 1, 0 for none), written as the difference to the previous one.
 * (Source: agent-payload, intake_v3.proto. The columns are in the order of their numbers, as the Agent writes them.)
 *
 * Only the fraction of timestamps and intervals is lost.
 */
import { Column } from "./column.js";
import { type Series, TYPE_NUMBERS } from "./series.js";
import { valueType } from "./series-v3-values.js";

/** A series with everything that the format supports. The agent itself uses only a host as its resource. */
export interface SeriesV3 extends Omit<Series, "host"> {
  /** Such as `["host", "device-1"]`. */
  readonly resources: readonly (readonly [type: string, name: string])[];
  /** Further tags, in a tag set that other series refer to, too. */
  readonly sharedTags?: readonly string[];
  readonly sourceType?: string;
  readonly origin?: readonly [product: number, category: number, service: number];
  readonly isIndexed?: boolean;
}

const METRIC_DATA = 3;
const FIELDS = {
  names: 1,
  tags: 2,
  tagSets: 3,
  resources: 4,
  resourceCounts: 5,
  resourceTypes: 6,
  resourceNames: 7,
  sourceTypes: 8,
  origins: 9,
  types: 10,
  nameRefs: 11,
  tagSetRefs: 12,
  resourceRefs: 13,
  intervals: 14,
  pointCounts: 15,
  timestamps: 16,
  integers: 17,
  floats: 18,
  doubles: 19,
  sourceTypeRefs: 23,
  originRefs: 24,
} as const;
const NO_INDEX = 0x100;

type ColumnName = keyof typeof FIELDS;

/** @param agentHost the host of series without one; "" for none */
export function encodeSeriesV3(series: readonly Series[], agentHost: string): Buffer {
  const writer = new SeriesWriter();
  for (const one of series) {
    const { host = agentHost } = one;
    writer.add({ ...one, resources: host === "" ? [] : [["host", host]] });
  }
  return writer.finish();
}

export class SeriesWriter {
  readonly #columns = new Map<ColumnName, Column>();
  /** By column: the index of each entry. */
  readonly #dictionaries = new Map<ColumnName, Map<string, number>>();
  /** By column: the last reference or time. */
  readonly #last = new Map<ColumnName, number>();

  add(series: SeriesV3): void {
    const { metric, type, tags, points, interval = 0 } = series;
    const { resources, sharedTags = [], sourceType, origin, isIndexed = true } = series;
    const values = valueType(points);
    this.#column("types").unsigned(TYPE_NUMBERS[type] | values.number | (isIndexed ? 0 : NO_INDEX));
    this.#difference("nameRefs", this.#text("names", metric));
    this.#difference("tagSetRefs", this.#tagSet(tags, sharedTags));
    this.#difference("resourceRefs", this.#resourceSet(resources));
    this.#difference("sourceTypeRefs", sourceType === undefined ? 0 : this.#text("sourceTypes", sourceType));
    this.#difference("originRefs", origin === undefined ? 0 : this.#origin(origin));
    this.#column("intervals").unsigned(Math.floor(interval));
    this.#column("pointCounts").unsigned(points.length);
    for (const [at] of points) this.#difference("timestamps", Math.floor(at));
    const column = this.#column(values.column);
    for (const [, value] of points) values.write(column, value);
  }

  finish(): Buffer {
    const data = new Column();
    for (const [name, field] of Object.entries(FIELDS)) {
      const column = this.#columns.get(name as ColumnName);
      if (column !== undefined) data.field(field, column);
    }
    const payload = new Column();
    payload.field(METRIC_DATA, data);
    return payload.bytes;
  }

  #column(name: ColumnName): Column {
    let column = this.#columns.get(name);
    if (column === undefined) {
      column = new Column();
      this.#columns.set(name, column);
    }
    return column;
  }

  #difference(name: ColumnName, value: number): void {
    this.#column(name).delta(value, this.#last.get(name) ?? 0);
    this.#last.set(name, value);
  }

  /** The index of an entry in a dictionary. A new entry is written. */
  #index(dictionary: ColumnName, key: string, write: () => void): number {
    const known = this.#dictionaries.get(dictionary) ?? new Map<string, number>();
    this.#dictionaries.set(dictionary, known);
    const index = known.get(key);
    if (index !== undefined) return index;
    write();
    known.set(key, known.size + 1);
    return known.size;
  }

  #text(dictionary: ColumnName, text: string): number {
    return this.#index(dictionary, text, () => this.#column(dictionary).text(text));
  }

  #tagSet(tags: readonly string[], sharedTags: readonly string[] = []): number {
    if (tags.length + sharedTags.length === 0) return 0;
    const shared = sharedTags.length === 0 ? [] : [-this.#tagSet(sharedTags)];
    const indexes = [...shared, ...tags.map((tag) => this.#text("tags", tag)).sort((a, b) => a - b)];
    return this.#index("tagSets", indexes.join(), () => {
      const column = this.#column("tagSets");
      column.signed(indexes.length);
      writeDifferences(column, indexes);
    });
  }

  #resourceSet(resources: SeriesV3["resources"]): number {
    if (resources.length === 0) return 0;
    return this.#index("resourceCounts", JSON.stringify(resources), () => {
      this.#column("resourceCounts").unsigned(resources.length);
      const indexes = resources.map((resource) => resource.map((text) => this.#text("resources", text)));
      const types = indexes.map(([type = 0]) => type);
      const names = indexes.map(([, name = 0]) => name);
      writeDifferences(this.#column("resourceTypes"), types);
      writeDifferences(this.#column("resourceNames"), names);
    });
  }

  #origin(origin: readonly number[]): number {
    return this.#index("origins", origin.join(), () => {
      for (const part of origin) this.#column("origins").unsigned(part);
    });
  }
}

/** The first one is the difference to 0. */
function writeDifferences(column: Column, values: readonly number[]): void {
  let before = 0;
  for (const value of values) {
    column.delta(value, before);
    before = value;
  }
}
