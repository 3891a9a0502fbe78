/**
 * What `chouette intake` shows: on a terminal a table that is drawn anew, elsewhere rows one after another, or
 * JSON lines. The key is in none of them.
 */
import type { WriteStream } from "node:tty";
import type { Counts } from "../intake/counts.js";
import type { AnsweredRequest, Intake } from "../intake/intake.js";
import type { KeptPoint } from "../intake/kept-points.js";
import { printable, printableJson } from "../runtime/printable.js";
import { table, tableWidth, wrapped } from "./text-table.js";

export interface Display {
  /** @param key what to show as the API key: never the key itself */
  listening(intake: Intake, key: string): void;
  request(request: AnsweredRequest): void;
  ended(counts: Counts): void;
}

/** In the order in which they are shown. */
const COLUMNS: readonly Column[] = [
  { title: "Time", importance: 3, cell: ({ at }) => clockTime(at) },
  { title: "Metric", importance: 6, cell: ({ metric }) => metric },
  { title: "Type", importance: 2, cell: ({ type }) => type },
  { title: "Value", importance: 5, cell: ({ value }) => rounded(value) },
  { title: "Interval", importance: 0, cell: ({ interval }) => `${interval ?? "-"}` },
  { title: "Tags", importance: 4, cell: ({ tags }) => tags.join(",") || "-" },
  { title: "Host", importance: 1, cell: ({ host }) => host || "-" },
];
/** Columns that are shown on the narrowest terminal, in several lines if need be. */
const MIN_COLUMNS = 3;
const SIGNIFICANT_DIGITS = 6;
const REDRAW_MS = 250;

interface Column {
  readonly title: string;
  /** The least important one is left out first if a terminal is too narrow. */
  readonly importance: number;
  readonly cell: (point: KeptPoint) => string;
}

/** @param due when an agent's first points are due, as a sentence */
export function displayOn(stream: WriteStream, isJson: boolean, due: string): Display {
  if (isJson) return jsonDisplay((line) => stream.write(line));
  return stream.isTTY ? terminalDisplay(stream, due) : plainDisplay((text) => stream.write(text), due);
}

function jsonDisplay(write: (line: string) => void): Display {
  const tell = (event: string, fields: object) =>
    write(`${printableJson(JSON.stringify({ event, ...fields }))}\n`);
  return {
    listening: ({ url }) => tell("listening", { url, settings: settingsFor(url) }),
    request: (request) => {
      for (const point of pointsOf(request)) tell("point", point);
      for (const { fields } of request.submission.logs) tell("log", { log: fields });
      const { method, path, status, reason } = request;
      if (reason !== undefined) tell("refused", { method, path, status, reason });
    },
    ended: (counts) => tell("summary", counts),
  };
}

function plainDisplay(write: (text: string) => void, due: string): Display {
  let hasHeading = false;
  return {
    listening: (intake, key) => write(`${introduction(intake, key)}${due}\n`),
    request: (request) => {
      const points = pointsOf(request);
      const rows = points.length === 0 ? "" : pointTable(points, Number.POSITIVE_INFINITY);
      write(hasHeading ? rows.slice(rows.indexOf("\n") + 1) : rows);
      hasHeading ||= rows !== "";
      for (const line of otherLines(request)) write(line);
    },
    ended: (counts) => write(summary(counts)),
  };
}

/** Draws the newest point of each series, as many as fit, and the last thing that is no point. */
function terminalDisplay(stream: WriteStream, due: string): Display {
  let shown: { readonly intake: Intake; readonly introduction: string } | undefined;
  let remark = "";
  let pending: NodeJS.Timeout | undefined;
  const draw = () => {
    pending = undefined;
    if (shown === undefined) return;
    const { intake, introduction } = shown;
    const [width, height] = [stream.columns || 80, stream.rows || 24];
    const wrap = (text: string) =>
      text
        .split("\n")
        .map((line) => wrapped(line, width, 2))
        .join("\n");
    const [above, below] = [wrap(introduction), wrap(`${remark}${summary(intake.counts())}`)];
    const free = height - lineCount(above) - lineCount(below) - 2;
    const text = `${above}\n${shownSeries(intake.points(), due, width, Math.max(3, free))}\n${below}`;
    // To the top left, then over what is there; what was below is cleared.
    stream.write(
      `\u001b[H${text
        .split("\n")
        .map((line) => `${line}\u001b[K`)
        .join("\n")}\u001b[J`,
    );
  };
  return {
    listening: (intake, key) => {
      shown = { intake, introduction: introduction(intake, key) };
      stream.write("\u001b[2J");
      draw();
    },
    request: (request) => {
      remark = otherLines(request).at(-1) ?? remark;
      pending ??= setTimeout(draw, REDRAW_MS);
    },
    ended: () => {
      clearTimeout(pending);
      draw();
    },
  };
}

/** The newest series, as many as fit into these lines; or when the first are due. */
function shownSeries(points: readonly KeptPoint[], due: string, width: number, lines: number): string {
  const series = newestOfEachSeries(points, lines);
  if (series.length === 0) return `${wrapped(due, width, 2)}\n`;
  for (let shown = series.length; shown > 1; shown--) {
    const text = pointTable(series.slice(0, shown), width);
    if (lineCount(text) <= lines + 1) return text;
  }
  return pointTable(series.slice(0, 1), width);
}

/** As many columns as fit, the most important ones. */
export function pointTable(points: readonly KeptPoint[], width: number): string {
  const byImportance = [...COLUMNS].sort((a, b) => b.importance - a.importance);
  for (let shown = COLUMNS.length; shown > MIN_COLUMNS; shown--) {
    const columns = COLUMNS.filter((column) => byImportance.indexOf(column) < shown);
    const rows = [titles(columns), ...points.map((point) => columns.map(({ cell }) => cell(point)))];
    if (tableWidth(rows) <= width) return table(titles(columns), rows.slice(1), width);
  }
  const columns = COLUMNS.filter((column) => byImportance.indexOf(column) < MIN_COLUMNS);
  return table(
    titles(columns),
    points.map((point) => columns.map(({ cell }) => cell(point))),
    width,
  );
}

function titles(columns: readonly Column[]): readonly string[] {
  return columns.map(({ title }) => title);
}

function lineCount(text: string): number {
  return text.split("\n").length;
}

/** Everything that has the agent send here, and nothing to Datadog. */
export function settingsFor(url: string): Readonly<Record<string, string>> {
  return { DATADOG_LOGS_URL: url, DATADOG_URL: `${url}/api` };
}

function introduction({ url }: Intake, key: string): string {
  const settings = Object.entries(settingsFor(url)).map(([name, value]) => `${name}=${value}`);
  // Lines that a shell takes as they are, and that fit.
  const command = `${settings.join(" \\\n  ")} API_KEY=${key} \\\n  chouette agent`;
  return `Listening on ${url}. To have an agent send here:\n  ${command}\n`;
}

function pointsOf({ submission }: AnsweredRequest): readonly KeptPoint[] {
  return submission.series.flatMap(({ points, ...series }) =>
    points.map(([at, value]) => ({ ...series, at, value })),
  );
}

/** What a request brought besides points, and why it was refused. */
function otherLines({ method, path, status, reason, submission }: AnsweredRequest): readonly string[] {
  const logs = submission.logs.map(({ fields }) => `log ${JSON.stringify(fields)}`);
  const refused = reason === undefined ? [] : [`refused ${method} ${path}: ${status} ${reason}`];
  return [...logs, ...refused].map((line) => `${printable(line)}\n`);
}

/** For people: the digits that matter. */
function rounded(value: number): string {
  return `${Number(value.toPrecision(SIGNIFICANT_DIGITS))}`;
}

/** Local time of day, with the date if that isn't today; the bare seconds if no date can be so far away. */
function clockTime(at: number): string {
  const date = new Date(at * 1000);
  if (Number.isNaN(date.getTime())) return `${at}`;
  const time = date.toTimeString().slice(0, 8);
  return date.toDateString() === new Date().toDateString()
    ? time
    : `${date.toLocaleDateString("sv")} ${time}`;
}

/** The last point of each series, newest first. */
function newestOfEachSeries(points: readonly KeptPoint[], most: number): readonly KeptPoint[] {
  const newest = new Map<string, KeptPoint>();
  for (let index = points.length - 1; index >= 0 && newest.size < most; index--) {
    const point = points[index];
    if (point === undefined) continue;
    const key = JSON.stringify([point.metric, point.host, point.tags]);
    if (!newest.has(key)) newest.set(key, point);
  }
  return [...newest.values()];
}

function summary({ requests, bytes, points, logs }: Counts): string {
  const byPath = Object.entries(requests).map(([path, statuses]) => `${path} ${counted(statuses)}`);
  return [
    `Requests: ${byPath.join("; ") || "none"}`,
    `Bytes: ${bytes.sent} sent, ${bytes.inflated} inflated`,
    `Points: ${points.received} received, ${points.overwritten} overwritten, ${points.old} over 1 h old (for historical metrics only), ${points.future} over 10 min ahead`,
    `Logs: ${logs.received} received, ${logs.old} over 18 h old, ${logs.tooLong} over 1 MB`,
    ...(points.rewritten > 0 ? [`Names and tags that Datadog rewrites: ${points.rewritten}`] : []),
    "",
  ].join("\n");
}

function counted(statuses: Readonly<Record<string, number>>): string {
  return Object.entries(statuses)
    .map(([status, count]) => `${status} ×${count}`)
    .join(", ");
}
