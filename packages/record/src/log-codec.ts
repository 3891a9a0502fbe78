/** Decodes logs, which any program may have written. Returns a log or the reason why the text isn't one; never throws. */
import { bad, decode } from "./decode.js";
import type { Fields } from "./json.js";
import type { ReceivedLog } from "./log.js";
import type { Result } from "./result.js";

/** Tags may also be one comma-separated string, as in Datadog's API. */
export function decodeLog(text: string): Result<ReceivedLog> {
  return decode(text, readLog);
}

function readLog(fields: Fields): Result<ReceivedLog> {
  const { message, ddtags } = fields;
  const isMessage = typeof message === "string" || (typeof message === "object" && message !== null);
  if (!isMessage) return bad("message", "a text or an object", message);
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
