/**
 * What `chouette intake` shows: on a terminal a table that is drawn anew, elsewhere rows one after another, or
 * JSON lines. The key is in none of them.
 */
import type { WriteStream } from "node:tty";
import type { Counts } from "../intake/counts.js";
import type { AnsweredRequest, Intake } from "../intake/intake.js";
import type { KeptPoint } from "../intake/kept-points.js";
import { printable, printableJson } from "../runtime/printable.js";
import { table } from "./text-table.js";

export interface Display {
  /** @param key what to show as the API key: never the key itself */
  listening(intake: Intake, key: string): void;
  request(request: AnsweredRequest): void;
  ended(counts: Counts): void;
}

const HEADING = ["Time", "Metric", "Type", "Value", "Interval", "Tags", "Host"] as const;
const REDRAW_MS = 250;
/** Lines of a terminal that are not for series: what stands above and below the table. */
const OTHER_LINES = 9;

export function displayOn(stream: WriteStream, isJson: boolean): Display {
  if (isJson) return jsonDisplay((line) => stream.write(line));
  return stream.isTTY ? terminalDisplay(stream) : plainDisplay((text) => stream.write(text));
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

function plainDisplay(write: (text: string) => void): Display {
  let hasHeading = false;
  return {
    listening: (intake, key) => write(introduction(intake, key)),
    request: (request) => {
      const points = pointsOf(request);
      const rows = points.length === 0 ? "" : table(HEADING, points.map(rowOf));
      write(hasHeading ? rows.slice(rows.indexOf("\n") + 1) : rows);
      hasHeading ||= rows !== "";
      for (const line of otherLines(request)) write(line);
    },
    ended: (counts) => write(summary(counts)),
  };
}

/** Draws the newest point of each series, as many as fit, and the last thing that is no point. */
function terminalDisplay(stream: WriteStream): Display {
  let shown: { readonly intake: Intake; readonly introduction: string } | undefined;
  let remark = "";
  let pending: NodeJS.Timeout | undefined;
  const draw = () => {
    pending = undefined;
    if (shown === undefined) return;
    const { intake, introduction } = shown;
    const series = newestOfEachSeries(intake.points(), Math.max(1, (stream.rows || 24) - OTHER_LINES));
    const text = `${introduction}\n${table(HEADING, series.map(rowOf))}\n${remark}${summary(intake.counts())}`;
    const lines = text.split("\n").map((line) => line.slice(0, stream.columns || 80));
    // To the top left, then over what is there; what was below is cleared.
    stream.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join("\n")}\u001b[J`);
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

function settingsFor(url: string): Readonly<Record<string, string>> {
  return { DATADOG_URL: `${url}/api` };
}

function introduction({ url }: Intake, key: string): string {
  const settings = Object.entries(settingsFor(url)).map(([name, value]) => `${name}=${value}`);
  return `Listening on ${url}. Settings for an agent: ${settings.join(" ")} API_KEY=${key}\n`;
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

function rowOf({ metric, type, host, tags, interval, at, value }: KeptPoint): readonly string[] {
  return [timeOf(at), metric, type, `${value}`, `${interval ?? "-"}`, tags.join(",") || "-", host || "-"];
}

/** ISO 8601, or the bare seconds where no date can be so far away. */
function timeOf(at: number): string {
  const date = new Date(at * 1000);
  return Number.isNaN(date.getTime()) ? `${at}` : date.toISOString().replace(".000", "");
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
