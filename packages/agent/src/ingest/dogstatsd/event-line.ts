/**
 * Parses events and service checks: `_e{titleBytes,textBytes}:title|text|…` and `_sc|name|status|…|m:message`.
 *
 * Promises: any line is parsed or refused with a reason; nothing throws.
 *
 * (Source: Datadog's documentation, "DogStatsD: datagram format and shell usage".)
 */
import {
  decodeEvent,
  decodeServiceCheck,
  type EventRecord,
  type Result,
  type ServiceCheck,
} from "@chouette-iot/record";
import { parseTags } from "./metric-line.js";
import { type Origin, originTags, parseOrigin } from "./origin.js";

export interface WithOrigin<T> {
  readonly record: T;
  readonly origin: Origin;
}

const EVENT = /^_e\{(\d{1,6}),(\d{1,6})\}:/;
const TIMESTAMP = /^\d{1,12}$/;
const WRONG_LENGTH = "the lengths don't match the title and text";

/** @param now Unix time in seconds, for an event without a time */
export function parseEvent(line: string, now: number): Result<WithOrigin<EventRecord>> {
  const head = EVENT.exec(line);
  if (head === null) return { ok: false, reason: "it doesn't begin with _e{title,text}:" };
  const bytes = Buffer.from(line.slice(head[0].length));
  const [titleEnd, textLength] = [Number(head[1]), Number(head[2])];
  const textEnd = titleEnd + 1 + textLength;
  if (bytes.length < textEnd || bytes.toString("latin1", titleEnd, titleEnd + 1) !== "|")
    return { ok: false, reason: WRONG_LENGTH };
  const rest = bytes.toString("utf8", textEnd);
  if (rest !== "" && !rest.startsWith("|")) return { ok: false, reason: WRONG_LENGTH };
  const fields = fieldsOf(rest.split("|").slice(1));
  if (!fields.ok) return fields;
  const { prefixed, tags, origin } = fields.value;
  const event = {
    title: unescaped(bytes.toString("utf8", 0, titleEnd)),
    text: unescaped(bytes.toString("utf8", titleEnd + 1, textEnd)),
    date_happened: Number(prefixed.get("d") ?? now),
    tags,
    host: prefixed.get("h"),
    aggregation_key: prefixed.get("k"),
    priority: prefixed.get("p"),
    source_type_name: prefixed.get("s"),
    alert_type: prefixed.get("t"),
  };
  return withOrigin(decodeEvent(JSON.stringify(event)), origin);
}

/** @param now Unix time in seconds, for a check without a time */
export function parseServiceCheck(line: string, now: number): Result<WithOrigin<ServiceCheck>> {
  // The message is the last field and may contain separators.
  const at = line.indexOf("|m:");
  const message = at === -1 ? undefined : line.slice(at + 3);
  const [, check = "", status = "", ...others] = (at === -1 ? line : line.slice(0, at)).split("|");
  if (!/^[0-3]$/.test(status)) return { ok: false, reason: "the status isn't from 0 to 3" };
  const fields = fieldsOf(others);
  if (!fields.ok) return fields;
  const { prefixed, tags, origin } = fields.value;
  const record = {
    check,
    status: Number(status),
    timestamp: Number(prefixed.get("d") ?? now),
    tags,
    host_name: prefixed.get("h"),
    message: message && unescaped(message).replaceAll("m\\:", "m:"),
  };
  return withOrigin(decodeServiceCheck(JSON.stringify(record)), origin);
}

/** The tags of a record, including those of its origin. */
export function tagsWithOrigin({
  record,
  origin,
}: WithOrigin<EventRecord | ServiceCheck>): readonly string[] {
  return [...record.tags, ...originTags(origin)];
}

interface Fields {
  /** By their letter. */
  readonly prefixed: ReadonlyMap<string, string>;
  readonly tags: readonly string[];
  readonly origin: Origin;
}

function fieldsOf(fields: readonly string[]): Result<Fields> {
  const prefixed = new Map<string, string>();
  const tags: string[] = [];
  const others: string[] = [];
  for (const field of fields) {
    if (field.startsWith("#")) tags.push(...parseTags(field));
    else if (/^[dhkpst]:/.test(field)) prefixed.set(field.charAt(0), field.slice(2));
    else others.push(field);
  }
  const time = prefixed.get("d");
  if (time !== undefined && !TIMESTAMP.test(time))
    return { ok: false, reason: "the time isn't in whole seconds" };
  return { ok: true, value: { prefixed, tags, origin: parseOrigin(others) } };
}

function withOrigin<T>(decoded: Result<T>, origin: Origin): Result<WithOrigin<T>> {
  return decoded.ok ? { ok: true, value: { record: decoded.value, origin } } : decoded;
}

function unescaped(text: string): string {
  return text.replaceAll("\\n", "\n");
}
