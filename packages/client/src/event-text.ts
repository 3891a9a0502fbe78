/**
 * Encodes events and service checks of an application as JSON, with the fields of Datadog's API.
 *
 * The agent truncates texts to Datadog's limits. Much longer ones are truncated here, to save memory.
 */
import {
  CHECK_STATUSES,
  type CheckStatus,
  EVENT_ALERT_TYPES,
  EVENT_PRIORITIES,
  type EventAlertType,
  type EventPriority,
  type Tags,
  tagList,
} from "@chouette-iot/record";
import type { TagInput } from "./tag-input.js";

interface SharedOptions {
  /** Seconds since the epoch, or a Date. Without it, the time of the call. */
  readonly timestamp?: number | Date | null | undefined;
  readonly tags?: TagInput | null | undefined;
  /** The agent's host by default. */
  readonly host?: string | null | undefined;
}

export interface EventOptions extends SharedOptions {
  /** `info` by default. */
  readonly alertType?: EventAlertType | null | undefined;
  /** `normal` by default. */
  readonly priority?: EventPriority | null | undefined;
  /** Datadog shows events with the same key together. */
  readonly aggregationKey?: string | null | undefined;
  readonly sourceType?: string | null | undefined;
}

export interface ServiceCheckOptions extends SharedOptions {
  readonly message?: string | null | undefined;
}

const MAX_LENGTH = 16_384;

/** The JSON of an event; undefined if it is invalid. @param at seconds since the epoch */
export function eventText(
  title: string,
  text: string,
  { host, alertType, priority, aggregationKey, sourceType }: EventOptions,
  tags: Tags,
  at: number,
): string | undefined {
  if (typeof title !== "string" || title === "" || typeof text !== "string") return undefined;
  if (alertType != null && !EVENT_ALERT_TYPES.includes(alertType)) return undefined;
  if (priority != null && !EVENT_PRIORITIES.includes(priority)) return undefined;
  return JSON.stringify({
    title: title.slice(0, MAX_LENGTH),
    text: text.slice(0, MAX_LENGTH),
    date_happened: at,
    tags: tagList(tags),
    host: host ?? undefined,
    priority: priority ?? undefined,
    alert_type: alertType ?? undefined,
    aggregation_key: aggregationKey ?? undefined,
    source_type_name: sourceType ?? undefined,
  });
}

/**
 * The JSON of a service check; undefined if it is invalid.
 *
 * @param status its name or Datadog's number
 * @param at seconds since the epoch
 */
export function serviceCheckText(
  name: string,
  status: CheckStatus | 0 | 1 | 2 | 3,
  { host, message }: ServiceCheckOptions,
  tags: Tags,
  at: number,
): string | undefined {
  const number = typeof status === "number" ? status : CHECK_STATUSES.indexOf(status);
  if (typeof name !== "string" || name === "" || CHECK_STATUSES[number] === undefined) return undefined;
  return JSON.stringify({
    check: name.slice(0, MAX_LENGTH),
    status: number,
    timestamp: at,
    tags: tagList(tags),
    host_name: host ?? undefined,
    message: message?.slice(0, MAX_LENGTH),
  });
}
