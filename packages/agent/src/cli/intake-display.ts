/**
 * The display of `chouette intake`: a table that is redrawn on a terminal, else rows one after another, or JSON lines. None of
 * them shows the key.
 */
import type { WriteStream } from "node:tty";
import type { Counts } from "../intake/counts.js";
import type { AnsweredRequest, Intake } from "../intake/intake.js";
import type { KeptPoint } from "../intake/kept-points.js";
import { printable, printableJson } from "../runtime/printable.js";
import { newestOfEachSeries, pointRow, rowTable, sketchFields, sketchRow } from "./intake-rows.js";
import { wrapped } from "./text-table.js";

interface Display {
  /** @param key what to show as the API key: never the key itself */
  listening(intake: Intake, key: string): void;
  request(request: AnsweredRequest): void;
  ended(counts: Counts): void;
}

const REDRAW_MS = 250;

/** @param due when an agent's first points are due, as a sentence */
export function displayOn(stream: WriteStream, isJson: boolean, due: string): Display {
  if (isJson) return jsonDisplay((line) => stream.write(line));
  return stream.isTTY ? terminalDisplay(stream, due) : plainDisplay((text) => stream.write(text), due);
}

function jsonDisplay(write: (line: string) => void): Display {
  const print = (event: string, fields: object) =>
    write(`${printableJson(JSON.stringify({ event, ...fields }))}\n`);
  return {
    listening: ({ url }) => print("listening", { url, settings: settingsFor(url) }),
    request: (request) => {
      for (const point of pointsOf(request)) print("point", point);
      for (const sketch of request.submission.sketches) print("sketch", sketchFields(sketch));
      for (const { fields } of request.submission.logs) print("log", { log: fields });
      for (const fields of request.submission.events) print("event", { fields });
      for (const check of request.submission.checks) print("check", { check });
      const { method, path, status, reason } = request;
      if (reason !== undefined) print("refused", { method, path, status, reason });
    },
    ended: (counts) => print("summary", counts),
  };
}

function plainDisplay(write: (text: string) => void, due: string): Display {
  let hasHeading = false;
  return {
    listening: (intake, key) => write(`${introduction(intake, key)}${due}\n`),
    request: (request) => {
      const rows = [...pointsOf(request).map(pointRow), ...request.submission.sketches.map(sketchRow)];
      const text = rows.length === 0 ? "" : rowTable(rows, Number.POSITIVE_INFINITY);
      write(hasHeading ? text.slice(text.indexOf("\n") + 1) : text);
      hasHeading ||= text !== "";
      for (const line of otherLines(request)) write(line);
    },
    ended: (counts) => write(summary(counts)),
  };
}

/** Draws the newest point of each series, as many as fit, and the last line that isn't a point. */
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
    const text = `${above}\n${shownSeries(intake, due, width, Math.max(3, free))}\n${below}`;
    // Overwrites the screen from the top left, and clears the rest.
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

/** The newest series, as many as fit into these lines; before the first, when they are due. */
function shownSeries(intake: Intake, due: string, width: number, lines: number): string {
  const series = [
    ...newestOfEachSeries(intake.points(), lines).map(pointRow),
    ...newestOfEachSeries(intake.sketches(), lines).map(sketchRow),
  ]
    .sort((a, b) => b.at - a.at)
    .slice(0, lines);
  if (series.length === 0) return `${wrapped(due, width, 2)}\n`;
  for (let shown = series.length; shown > 1; shown--) {
    const text = rowTable(series.slice(0, shown), width);
    if (lineCount(text) <= lines + 1) return text;
  }
  return rowTable(series.slice(0, 1), width);
}

function lineCount(text: string): number {
  return text.split("\n").length;
}

/** Settings with which an agent sends to this URL, and nothing to Datadog. */
export function settingsFor(url: string): Readonly<Record<string, string>> {
  return { DATADOG_LOGS_URL: url, DATADOG_URL: `${url}/api` };
}

function introduction({ url }: Intake, key: string): string {
  const settings = Object.entries(settingsFor(url)).map(([name, value]) => `${name}=${value}`);
  // As lines that can be pasted into a shell.
  const command = `${settings.join(" \\\n  ")} API_KEY=${key} \\\n  chouette agent`;
  return `Listening on ${url}. To have an agent send here:\n  ${command}\n`;
}

function pointsOf({ submission }: AnsweredRequest): readonly KeptPoint[] {
  return submission.series.flatMap(({ points, ...series }) =>
    points.map(([at, value]) => ({ ...series, at, value })),
  );
}

/** Everything in a request except points, and the reason if it was refused. */
function otherLines({ method, path, status, reason, submission }: AnsweredRequest): readonly string[] {
  const logs = submission.logs.map(({ fields }) => `log ${JSON.stringify(fields)}`);
  const events = submission.events.map((event) => `event ${JSON.stringify(event)}`);
  const checks = submission.checks.map((check) => `check ${JSON.stringify(check)}`);
  const refused = reason === undefined ? [] : [`refused ${method} ${path}: ${status} ${reason}`];
  return [...logs, ...events, ...checks, ...refused].map((line) => `${printable(line)}\n`);
}

function summary({ requests, bytes, points, logs }: Counts): string {
  const byPath = Object.entries(requests).map(([path, statuses]) => `${path} ${formatStatuses(statuses)}`);
  return [
    `Requests: ${byPath.join("; ") || "none"}`,
    `Bytes: ${bytes.sent} sent, ${bytes.inflated} inflated`,
    `Points: ${points.received} received, ${points.overwritten} overwritten, ${points.old} over 1 h old (for historical metrics only), ${points.future} over 10 min ahead`,
    `Logs: ${logs.received} received, ${logs.old} over 18 h old, ${logs.tooLong} over 1 MB`,
    ...(points.rewritten > 0 ? [`Names and tags that Datadog rewrites: ${points.rewritten}`] : []),
    "",
  ].join("\n");
}

function formatStatuses(statuses: Readonly<Record<string, number>>): string {
  return Object.entries(statuses)
    .map(([status, count]) => `${status} ×${count}`)
    .join(", ");
}
