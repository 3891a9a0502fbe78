/**
 * Events and service checks as stored in their queues, with the fields of Datadog's API.
 *
 * Decoding returns a record or the reason why the text isn't one, and never throws: any program may have written it.
 */
import { bad, decode } from "./decode.js";
import type { Fields } from "./json.js";
import type { Result } from "./result.js";
import { isTagList } from "./tags.js";
import { decodeTime, type Seconds } from "./time.js";

export const EVENT_PRIORITIES = ["normal", "low"] as const;
export const EVENT_ALERT_TYPES = ["info", "warning", "error", "success"] as const;
/** In the order of Datadog's numbers, from 0. */
export const CHECK_STATUSES = ["ok", "warning", "critical", "unknown"] as const;

export type EventPriority = (typeof EVENT_PRIORITIES)[number];
export type EventAlertType = (typeof EVENT_ALERT_TYPES)[number];
export type CheckStatus = (typeof CHECK_STATUSES)[number];

export interface EventRecord {
  readonly title: string;
  readonly text: string;
  /** Unix time. */
  readonly date_happened: Seconds;
  /** The agent's host if it has none. */
  readonly host?: string;
  /** `["key:value", …]` */
  readonly tags: readonly string[];
  readonly priority?: EventPriority | undefined;
  readonly alert_type?: EventAlertType | undefined;
  /** Datadog shows events with the same key together. */
  readonly aggregation_key?: string;
  readonly source_type_name?: string;
}

export interface ServiceCheck {
  readonly check: string;
  /** Index in {@link CHECK_STATUSES}. */
  readonly status: 0 | 1 | 2 | 3;
  /** Unix time. */
  readonly timestamp: Seconds;
  /** The agent's host if it has none. */
  readonly host_name?: string;
  /** `["key:value", …]` */
  readonly tags: readonly string[];
  readonly message?: string;
}

export function decodeEvent(text: string): Result<EventRecord> {
  return decode(text, readEvent);
}

export function decodeServiceCheck(text: string): Result<ServiceCheck> {
  return decode(text, readServiceCheck);
}

function readEvent(fields: Fields): Result<EventRecord> {
  const { title, text, date_happened, tags, priority, alert_type } = fields;
  if (typeof title !== "string" || title === "") return bad("title", "a string", title);
  if (typeof text !== "string") return bad("text", "a string", text);
  const time = decodeTime(date_happened);
  if (time === undefined) return bad("date_happened", "seconds since 1970", date_happened);
  if (tags !== undefined && !isTagList(tags)) return bad("tags", 'a list of "name:value"', tags);
  if (!isOneOf(EVENT_PRIORITIES, priority))
    return bad("priority", `one of ${EVENT_PRIORITIES.join(", ")}`, priority);
  if (!isOneOf(EVENT_ALERT_TYPES, alert_type))
    return bad("alert_type", `one of ${EVENT_ALERT_TYPES.join(", ")}`, alert_type);
  const texts = optionalTexts(fields, ["host", "aggregation_key", "source_type_name"]);
  return {
    ok: true,
    value: { title, text, date_happened: time, tags: tags ?? [], priority, alert_type, ...texts },
  };
}

function readServiceCheck(fields: Fields): Result<ServiceCheck> {
  const { check, status, timestamp, tags } = fields;
  if (typeof check !== "string" || check === "") return bad("check", "a name", check);
  if (status !== 0 && status !== 1 && status !== 2 && status !== 3)
    return bad("status", "a number from 0 to 3", status);
  const time = decodeTime(timestamp);
  if (time === undefined) return bad("timestamp", "seconds since 1970", timestamp);
  if (tags !== undefined && !isTagList(tags)) return bad("tags", 'a list of "name:value"', tags);
  const texts = optionalTexts(fields, ["host_name", "message"]);
  return { ok: true, value: { check, status, timestamp: time, tags: tags ?? [], ...texts } };
}

function isOneOf<const T extends readonly string[]>(
  choices: T,
  value: unknown,
): value is T[number] | undefined {
  return value === undefined || choices.some((choice) => choice === value);
}

/** The named fields that are non-empty strings. */
function optionalTexts<N extends string>(
  fields: Fields,
  names: readonly N[],
): { readonly [F in N]?: string } {
  const texts: { [F in N]?: string } = {};
  for (const name of names) {
    const value = fields[name];
    if (typeof value === "string" && value !== "") texts[name] = value;
  }
  return texts;
}
