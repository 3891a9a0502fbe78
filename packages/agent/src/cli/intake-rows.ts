/** Rows of `chouette intake` for points and sketches, in a table with as many columns as fit. */
import { sketchQuantile } from "@chouette-iot/record";
import type { KeptPoint } from "../intake/kept-points.js";
import type { SubmittedSketch } from "../intake/sketch-payload.js";
import { table, tableWidth } from "./text-table.js";

/** A point or a sketch, to be shown. */
export interface Row {
  readonly at: number;
  readonly metric: string;
  readonly type: string;
  readonly value: string;
  readonly interval?: number;
  readonly tags: readonly string[];
  readonly host: string;
}

/** Quantiles to show for a distribution. */
const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

interface Column {
  readonly title: string;
  /** If the terminal is too narrow, the least important column is left out first. */
  readonly importance: number;
  readonly cell: (row: Row) => string;
}

/** In their order on the screen. */
const COLUMNS: readonly Column[] = [
  { title: "Time", importance: 3, cell: ({ at }) => clockTime(at) },
  { title: "Metric", importance: 6, cell: ({ metric }) => metric },
  { title: "Type", importance: 2, cell: ({ type }) => type },
  { title: "Value", importance: 5, cell: ({ value }) => value },
  { title: "Interval", importance: 0, cell: ({ interval }) => `${interval ?? "-"}` },
  { title: "Tags", importance: 4, cell: ({ tags }) => tags.join(",") || "-" },
  { title: "Host", importance: 1, cell: ({ host }) => host || "-" },
];
/** Columns that are always shown, in several lines if necessary. */
const MIN_COLUMNS = 3;
const SIGNIFICANT_DIGITS = 6;

/** As many columns as fit, the most important ones. */
export function rowTable(shownRows: readonly Row[], width: number): string {
  const byImportance = [...COLUMNS].sort((a, b) => b.importance - a.importance);
  for (let shown = COLUMNS.length; ; shown--) {
    const columns = COLUMNS.filter((column) => byImportance.indexOf(column) < shown);
    const titles = columns.map(({ title }) => title);
    const rows = shownRows.map((row) => columns.map(({ cell }) => cell(row)));
    if (shown === MIN_COLUMNS || tableWidth([titles, ...rows]) <= width) return table(titles, rows, width);
  }
}

export function pointRow(point: KeptPoint): Row {
  return { ...point, value: rounded(point.value) };
}

/** The number of samples, and quantiles. */
export function sketchRow({ sketch, ...series }: SubmittedSketch): Row {
  const quantiles = Object.entries(QUANTILES).map(
    ([name, part]) => `${name} ${rounded(sketchQuantile(sketch, part))}`,
  );
  return { ...series, type: "distribution", value: `${sketch.count}: ${quantiles.join(", ")}` };
}

/** The fields of a sketch, for JSON. */
export function sketchFields({ sketch, ...series }: SubmittedSketch): object {
  const { count, sum, min, max } = sketch;
  const quantiles = Object.entries(QUANTILES).map(([name, part]) => [name, sketchQuantile(sketch, part)]);
  return { ...series, count, sum, min, max, ...Object.fromEntries(quantiles) };
}

function rounded(value: number): string {
  return `${Number(value.toPrecision(SIGNIFICANT_DIGITS))}`;
}

/** Local time of day, with the date if it isn't today; plain seconds if they are no valid date. */
function clockTime(at: number): string {
  const date = new Date(at * 1000);
  if (Number.isNaN(date.getTime())) return `${at}`;
  const time = date.toTimeString().slice(0, 8);
  return date.toDateString() === new Date().toDateString()
    ? time
    : `${date.toLocaleDateString("sv")} ${time}`;
}

/** The last point of each series, newest first. */
export function newestOfEachSeries<T extends Pick<Row, "metric" | "host" | "tags">>(
  points: readonly T[],
  limit: number,
): readonly T[] {
  const newest = new Map<string, T>();
  for (let index = points.length - 1; index >= 0 && newest.size < limit; index--) {
    const point = points[index];
    if (point === undefined) continue;
    const key = JSON.stringify([point.metric, point.host, point.tags]);
    if (!newest.has(key)) newest.set(key, point);
  }
  return [...newest.values()];
}
