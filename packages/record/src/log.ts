/**
 * A log record, as it is in the log queue: the shape that the original client stores and Datadog takes.
 *
 * Decoding returns a log or the reason why the text isn't one, and never throws: any program may have written it.
 */
import { bad, decode } from "./decode.js";
import type { Fields } from "./json.js";
import type { Result } from "./result.js";

/** Levels of the original client, in ascending order. */
export const LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Log {
  /** ISO 8601, with its offset from UTC. */
  readonly date: string;
  readonly ddsource: string;
  readonly service: string;
  /** `["key:value", …]` */
  readonly ddtags: readonly string[];
  readonly level: LogLevel;
  readonly message: { readonly msg: string };
  /** An error's stack. */
  readonly exc_info?: string;
  /** Any other fields of the application. */
  readonly [extra: string]: unknown;
}

/**
 * A log as read from the queue: any program may have written it, so fields may be missing or have other values.
 */
export interface ReceivedLog {
  readonly ddtags: readonly string[];
  /** A string or an object. */
  readonly message: unknown;
  readonly level?: unknown;
  readonly [field: string]: unknown;
}

/** Tags may also be one comma-separated string, as in Datadog's API. */
export function decodeLog(text: string): Result<ReceivedLog> {
  return decode(text, readLog);
}

function readLog(fields: Fields): Result<ReceivedLog> {
  const { message, ddtags } = fields;
  const isMessage = typeof message === "string" || (typeof message === "object" && message !== null);
  if (!isMessage) return bad("message", "a string or an object", message);
  const tags = decodeLogTags(ddtags);
  if (tags === undefined) return bad("ddtags", 'a list of "name:value"', ddtags);
  return { ok: true, value: { ...fields, message, ddtags: tags } };
}

function decodeLogTags(tags: unknown): readonly string[] | undefined {
  if (tags === undefined || tags === null) return [];
  if (typeof tags === "string") return nonEmpty(tags.split(","));
  return Array.isArray(tags) ? nonEmpty(tags.map(asText)) : undefined;
}

function nonEmpty(tags: readonly string[]): readonly string[] {
  return tags.map((tag) => tag.trim()).filter((tag) => tag !== "");
}

function asText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
