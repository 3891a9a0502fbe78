/**
 * The Datadog output for logs: a JSON list of logs, each with its host, and its tags as one text.
 *
 * A log may have a megabyte. In a longer one, the longest texts are cut and marked; if it has too many fields, only the
 * essential ones are kept. Either way it gets the tag `cut:true`. Nothing else is lost here.
 */
import type { ReceivedLog } from "@chouette-iot/record";
import { type DatadogAccess, datadogOutput } from "./datadog-post.js";
import type { Output } from "./output.js";

/** Limits and encodings: Datadog's API reference, "Send logs". */
const LIMITS = {
  encodings: ["deflate"],
  maxSentBytes: 5_000_000,
  maxInflatedBytes: 5_000_000,
} as const;

/** Limit of a log's JSON, in bytes. */
export const MAX_LOG_BYTES = 1_000_000;

const CUT_TAG = "cut:true";
export const CUT_MARK = "… (cut)";
/** If texts of this length are still too long together, the log has too many fields. */
const MIN_CUT = 1_000;
/** The fields that are kept of a log with too many. */
const ESSENTIAL = ["date", "timestamp", "ddsource", "service", "level", "status", "host", "message"] as const;

export interface DatadogLogsOptions extends DatadogAccess {
  /** The endpoint, such as `https://http-intake.logs.datadoghq.com/api/v2/logs`. */
  readonly logsUrl: string;
}

export function datadogLogs(options: DatadogLogsOptions): Output<ReceivedLog> {
  return datadogOutput({ ...LIMITS, url: options.logsUrl }, "application/json", options, encodeLogs);
}

/** @param agentHost the host of logs without one; "" for none */
export function encodeLogs(logs: readonly ReceivedLog[], agentHost: string): string {
  return `[${logs.map((log) => encodeLog(log, agentHost)).join(",")}]`;
}

export function encodeLog(log: ReceivedLog, agentHost: string): string {
  const named = agentHost === "" || log.host !== undefined ? log : { ...log, host: agentHost };
  const tags = [...new Set(log.ddtags)];
  const whole = JSON.stringify({ ...named, ddtags: tags.join(",") });
  if (fits(whole)) return whole;
  const tagsWithin = (limit: number) => [cutText(tags.join(","), limit), CUT_TAG].filter(Boolean).join(",");
  for (let limit = 0.8 * MAX_LOG_BYTES; limit > MIN_CUT; limit /= 4) {
    const shorter = JSON.stringify({ ...cutTexts(named, limit), ddtags: tagsWithin(limit) });
    if (fits(shorter)) return shorter;
  }
  const essence = Object.fromEntries(ESSENTIAL.map((field) => [field, essential(named[field])]));
  return JSON.stringify({ ...essence, ddtags: tagsWithin(MIN_CUT) });
}

function fits(json: string): boolean {
  return json.length <= MAX_LOG_BYTES && Buffer.byteLength(json) <= MAX_LOG_BYTES;
}

/** A copy with all texts cut to a limit, at any depth. */
function cutTexts(value: object, limit: number): object {
  return JSON.parse(JSON.stringify(value), (_, part: unknown) =>
    typeof part === "string" ? cutText(part, limit) : part,
  );
}

/** The text, or its first `limit` characters and a mark. */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  // Without half a surrogate pair at the end.
  return text.slice(0, limit).replace(/[\ud800-\udbff]$/, "") + CUT_MARK;
}

function essential(value: unknown): unknown {
  if (value === undefined || typeof value === "number") return value;
  return cutText(typeof value === "string" ? value : JSON.stringify(value), 10 * MIN_CUT);
}
