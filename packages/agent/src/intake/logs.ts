/**
 * Reads the body of `POST /api/v2/logs`: a JSON array of logs, each an object.
 *
 * Source of the limits: Datadog's "Send logs". A log over 1 MB isn't an error: Datadog cuts it.
 */
import { type Milliseconds, milliseconds, type Result } from "@chouette-iot/record";
import { isObject, parseJson } from "./read-series-json.js";

export interface SubmittedLog {
  readonly fields: Readonly<Record<string, unknown>>;
  /** As JSON. */
  readonly bytes: number;
}

/** Maximum number of logs in a request. */
export const MAX_LOGS = 1000;
/** Datadog cuts a longer log. */
export const MAX_LOG_BYTES = 1_000_000;
/** Datadog drops an older log. */
export const MAX_LOG_AGE = milliseconds(18 * 3600 * 1000);

export function readLogs(body: Buffer): Result<readonly SubmittedLog[]> {
  const parsed = parseJson(body);
  if (!parsed.ok) return parsed;
  if (!Array.isArray(parsed.value)) return { ok: false, reason: "the body should be an array of logs" };
  const logs: SubmittedLog[] = [];
  for (const [index, fields] of parsed.value.entries()) {
    if (!isObject(fields)) return { ok: false, reason: `logs[${index}] should be an object` };
    logs.push({ fields, bytes: Buffer.byteLength(JSON.stringify(fields)) });
  }
  return { ok: true, value: logs };
}

/** The log's own time; undefined if it has none that can be read. */
export function timeOf({ fields }: SubmittedLog): Milliseconds | undefined {
  const { date, timestamp } = fields;
  const given = date ?? timestamp;
  const time = typeof given === "string" ? Date.parse(given) : given;
  return typeof time === "number" && Number.isFinite(time) ? milliseconds(time) : undefined;
}
