/** The stdout outputs: print a line for each record, to try the agent without a key. Printed records count as 0 bytes. */
import {
  CHECK_STATUSES,
  type EventRecord,
  type ReadySketch,
  type ReceivedLog,
  type ServiceCheck,
  sketchQuantile,
  toPlainSketch,
} from "@chouette-iot/record";
import { printable, printableJson } from "../runtime/printable.js";
import { checkBody, eventBody } from "./datadog-events.js";
import { encodeLog } from "./datadog-logs.js";
import type { Outputs } from "./open-outputs.js";
import { type Output, tryEncode } from "./output.js";
import { groupSeries, type Series } from "./series.js";

export interface StdoutOptions {
  /** The current host name: a device may get its name late at boot. */
  hostName(): string;
  /** Readable lines instead of JSON. */
  readonly pretty: boolean;
  write(text: string): void;
}

export function openStdout({ hostName, pretty, write }: StdoutOptions): Outputs {
  const printed =
    <R>(prettyOf: (record: R) => string, jsonOf: (record: R) => string) =>
    (records: readonly R[]) =>
      records.map((record) => (pretty ? prettyOf(record) : printableJson(jsonOf(record))));
  const printedSeries = printed(prettySeries, ({ host = hostName(), ...series }) =>
    JSON.stringify({ ...series, host }),
  );
  return {
    metrics: stdoutOutput(write, (batch) => printedSeries(groupSeries(batch))),
    logs: stdoutOutput(
      write,
      printed(prettyLog, (log) => encodeLog(log, hostName())),
    ),
    events: stdoutOutput(
      write,
      printed(prettyEvent, (event) => JSON.stringify(eventBody(event, hostName()))),
    ),
    checks: stdoutOutput(
      write,
      printed(prettyCheck, (check) => JSON.stringify(checkBody(check, hostName()))),
    ),
    sketches: stdoutOutput(
      write,
      printed(prettySketch, ({ metric, tags, at, sketch, host = hostName() }) =>
        JSON.stringify({ metric, tags, at, sketch: toPlainSketch(sketch), host }),
      ),
    ),
  };
}

function stdoutOutput<T>(
  write: StdoutOptions["write"],
  linesOf: (batch: readonly T[]) => readonly string[],
): Output<T> {
  return {
    async send(batch) {
      const lines = tryEncode(() => linesOf(batch).map((line) => `${line}\n`));
      if (!lines.ok) return lines.outcome;
      write(lines.value.join(""));
      return { kind: "delivered", bytes: 0 };
    },
    check: async () => ({ kind: "delivered", bytes: 0 }),
    close: async () => {},
  };
}

function prettySeries({ metric, type, tags, points }: Series): string {
  const shownTags = tags.length > 0 ? `  ${tags.join(" ")}` : "";
  const lines = points.map(([at, value]) =>
    printable(`${isoTime(at)}  ${metric} ${type} ${value}${shownTags}`),
  );
  return lines.join("\n");
}

function prettySketch({ metric, tags, at, sketch }: ReadySketch): string {
  const quantiles = [0.5, 0.95, 0.99].map(
    (part) => `p${part * 100} ${sketchQuantile(sketch, part).toPrecision(4)}`,
  );
  const { min, max, count } = sketch;
  const parts = [isoTime(at), `${metric} distribution`, `count ${count} min ${min} max ${max}`, ...quantiles];
  return printable([...parts, tags.join(" ")].filter(Boolean).join("  "));
}

function prettyEvent({ date_happened, alert_type = "info", title, text, tags }: EventRecord): string {
  const parts = [isoTime(date_happened), `event ${alert_type}`, title, text, tags.join(" ")];
  return printable(parts.filter(Boolean).join("  "));
}

function prettyCheck({ timestamp, check, status, message, tags }: ServiceCheck): string {
  const parts = [isoTime(timestamp), check, CHECK_STATUSES[status], message, tags.join(" ")];
  return printable(parts.filter(Boolean).join("  "));
}

function isoTime(time: number): string {
  return new Date(time * 1000).toISOString();
}

function prettyLog({ date, level, service, message, ddtags }: ReceivedLog): string {
  const parts = [date, level, service, message].map(asText);
  return printable([...parts, ddtags.join(" ")].filter(Boolean).join("  "));
}

/** A field may be any JSON. Joining an object would call a `toString` that a client put into it. */
function asText(value: unknown): unknown {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}
