/**
 * Reads and validates the columnar protobuf message of `POST /api/intake/metrics/v3/series`:
 *
 *     Payload { Metadata metadata = 2; MetricData metricData = 3 }, MetricData as in {@link COLUMNS}
 *
 * It is strict, to find a wrong encoder: every reference must have an entry, every column as many entries as there are series or
 * points, and nothing may be left over.
 *
 * Promises: a short body can't take much memory, although all series may refer to the same long text. See {@link MAX_TEXT}.
 */
import type { Result } from "@chouette-iot/record";
import {
  double,
  float,
  inner,
  key,
  LENGTH_DELIMITED,
  Malformed,
  type Message,
  readMessage,
  signed,
  skip,
  string,
  varint,
} from "./protobuf-reader.js";
import { typeWithNumber } from "./read-series-json.js";
import { checkAllSeries, type SubmittedSeries, type UncheckedSeries } from "./submitted-series.js";

const METRIC_DATA = key(3, LENGTH_DELIMITED);

const signedVarint = (message: Message) => signed(varint(message));

/** The columns with their fields, and how an entry is read. */
const COLUMNS = {
  names: { field: 1, read: string },
  tags: { field: 2, read: string },
  tagSets: { field: 3, read: signedVarint },
  resources: { field: 4, read: string },
  resourceCounts: { field: 5, read: varint },
  resourceTypes: { field: 6, read: signedVarint },
  resourceNames: { field: 7, read: signedVarint },
  sourceTypes: { field: 8, read: string },
  origins: { field: 9, read: varint },
  types: { field: 10, read: varint },
  nameRefs: { field: 11, read: signedVarint },
  tagSetRefs: { field: 12, read: signedVarint },
  resourceRefs: { field: 13, read: signedVarint },
  intervals: { field: 14, read: varint },
  pointCounts: { field: 15, read: varint },
  timestamps: { field: 16, read: signedVarint },
  integers: { field: 17, read: signedVarint },
  floats: { field: 18, read: float },
  doubles: { field: 19, read: double },
  sourceTypeRefs: { field: 23, read: signedVarint },
  originRefs: { field: 24, read: signedVarint },
} as const;

type ColumnName = keyof typeof COLUMNS;
type Columns = { readonly [Name in ColumnName]: readonly ReturnType<(typeof COLUMNS)[Name]["read"]>[] };

const TYPE = 0x0f;
const VALUE_TYPE = 0xf0;
/** Limit of all names, tags and hosts together, in characters, with each reference replaced by its text. */
const MAX_TEXT = 32 * 1024 * 1024;
/** Counted for each reference to a tag, in characters: its memory. */
const REFERENCE = 8;

export function readSeriesV3(body: Buffer): Result<readonly SubmittedSeries[]> {
  const read = readMessage(body, payload, "series v3");
  return read.ok ? checkAllSeries(read.value) : read;
}

function payload(message: Message): readonly UncheckedSeries[] {
  let all: readonly UncheckedSeries[] | undefined;
  while (message.at < message.end) {
    const field = varint(message);
    if (field !== METRIC_DATA) skip(message, field);
    // MAX_TEXT limits the whole body.
    else if (all !== undefined) throw new Malformed("there is a second metricData");
    else all = allSeries(columnsOf(inner(message)));
  }
  return all ?? [];
}

function columnsOf(message: Message): Columns {
  const names = Object.keys(COLUMNS) as ColumnName[];
  const entries = new Map<ColumnName, (string | number)[]>(names.map((name) => [name, []]));
  const byField = new Map(names.map((name) => [key(COLUMNS[name].field, LENGTH_DELIMITED), name]));
  while (message.at < message.end) {
    const field = varint(message);
    const name = byField.get(field);
    if (name === undefined) skip(message, field);
    else {
      const column = inner(message);
      while (column.at < column.end) entries.get(name)?.push(COLUMNS[name].read(column));
    }
  }
  // Each list was read with its column's reader.
  return Object.fromEntries(entries) as unknown as Columns;
}

function allSeries(columns: Columns): readonly UncheckedSeries[] {
  const { types, nameRefs, tagSetRefs, resourceRefs, sourceTypeRefs, originRefs } = columns;
  const { intervals, pointCounts } = columns;
  const count = types.length;
  const names = lookUp(sums(nameRefs), columns.names);
  const tags = lookUp(sums(tagSetRefs), tagSetsOf(columns));
  const hosts = lookUp(sums(resourceRefs), hostsOf(columns));
  lookUp(sums(sourceTypeRefs), columns.sourceTypes);
  lookUp(
    sums(originRefs),
    columns.origins.filter((_, index) => index % 3 === 2),
  );
  for (const list of [nameRefs, tagSetRefs, resourceRefs, intervals, pointCounts]) expectCount(list, count);
  for (const list of [sourceTypeRefs, originRefs]) if (list.length > 0) expectCount(list, count);
  const textOf = (index: number) =>
    (names[index]?.length ?? 0) + (hosts[index]?.length ?? 0) + (tags[index]?.size ?? 0);
  checkText(types.reduce((sum, _, index) => sum + textOf(index), 0));
  const points = pointsOf(columns);
  return types.map((type, index) => ({
    metric: names[index],
    type: typeWithNumber(type & TYPE),
    host: hosts[index],
    tags: tags[index]?.tags,
    points: points[index],
    interval: intervals[index],
  }));
}

interface TagSet {
  readonly tags: readonly string[];
  /** In characters, with {@link REFERENCE}. */
  readonly size: number;
}

function tagSetsOf({ tags, tagSets }: Columns): readonly TagSet[] {
  const single = (tag: string): TagSet => ({ tags: [tag], size: tag.length + REFERENCE });
  const sets: TagSet[] = [];
  let text = 0;
  for (const { values } of groups(tagSets, "tagSets")) {
    const parts = sums(values).map((index) =>
      index < 0 ? entryOf(sets, -index) : single(entryOf(tags, index)),
    );
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    text += size;
    // Checked first: a set may contain an earlier one several times.
    checkText(text);
    sets.push({ tags: parts.flatMap((part) => part.tags), size });
  }
  return sets;
}

function checkText(characters: number): void {
  if (characters > MAX_TEXT)
    throw new Malformed(`names, tags and hosts have over ${MAX_TEXT} characters with all references`);
}

/** Each group begins with the number of its members. */
function groups(list: readonly number[], what: string): readonly { readonly values: readonly number[] }[] {
  const found: { readonly values: readonly number[] }[] = [];
  for (let at = 0; at < list.length; ) {
    const size = list[at] ?? 0;
    const values = list.slice(at + 1, at + 1 + size);
    if (size < 1 || values.length !== size)
      throw new Malformed(`${what}: a set of ${size} has ${values.length}`);
    found.push({ values });
    at += 1 + size;
  }
  return found;
}

/** The host of each resource set, undefined if it has none. */
function hostsOf(columns: Columns): readonly (string | undefined)[] {
  const { resources, resourceCounts, resourceTypes, resourceNames } = columns;
  let at = 0;
  const hosts = resourceCounts.map((count) => {
    if (count < 0) throw new Malformed(`a set of ${count} resources`);
    const types = lookUp(sums(resourceTypes.slice(at, at + count)), resources);
    const names = lookUp(sums(resourceNames.slice(at, at + count)), resources);
    at += count;
    return names[types.indexOf("host")];
  });
  expectCount(resourceTypes, at);
  expectCount(resourceNames, at);
  return hosts;
}

function pointsOf(columns: Columns): readonly (readonly (readonly [number, number])[])[] {
  const { types, pointCounts, integers, floats, doubles } = columns;
  const times = sums(columns.timestamps);
  const at = { times: 0, 0: 0, 16: 0, 32: 0, 48: 0 };
  const values: Readonly<Record<number, readonly number[]>> = { 16: integers, 32: floats, 48: doubles };
  const points = types.map((type, series) => {
    const kind = (type & VALUE_TYPE) as 0x00 | 0x10 | 0x20 | 0x30;
    if (!(kind in at)) throw new Malformed(`series[${series}] has values of type ${kind}`);
    const count = pointCounts[series] ?? 0;
    // Checked first: a wrong count may be in the billions.
    if (count > times.length - at.times) throw new Malformed(`series[${series}] has too few timestamps`);
    return Array.from({ length: count }, (): [number, number] => [
      times[at.times++] ?? Number.NaN,
      kind === 0 ? 0 : (values[kind]?.[at[kind]++] ?? Number.NaN),
    ]);
  });
  expectCount(times, at.times);
  expectCount(integers, at[0x10]);
  expectCount(floats, at[0x20]);
  expectCount(doubles, at[0x30]);
  return points;
}

function sums(differences: readonly number[]): readonly number[] {
  let sum = 0;
  return differences.map((difference) => {
    sum += difference;
    return sum;
  });
}

/** Undefined for a reference of 0. */
function lookUp<T>(references: readonly number[], entries: readonly T[]): readonly (T | undefined)[] {
  return references.map((index) => (index === 0 ? undefined : entryOf(entries, index)));
}

function entryOf<T>(entries: readonly T[], index: number): T {
  const entry = entries[index - 1];
  if (entry === undefined && !(index >= 1 && index <= entries.length))
    throw new Malformed(`a reference to entry ${index} of ${entries.length}`);
  return entry as T;
}

function expectCount(list: readonly unknown[], count: number): void {
  if (list.length !== count) throw new Malformed(`a column has ${list.length} entries instead of ${count}`);
}
