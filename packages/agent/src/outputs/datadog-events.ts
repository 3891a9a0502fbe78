/**
 * The Datadog outputs for events and service checks.
 *
 * Datadog accepts one event per request, with a text of up to 4,000 characters and a title of up to 100: longer ones are cut
 * and marked. Service checks are sent as a list.
 *
 * (Source: Datadog's API reference, "Post an event" and "Submit a service check".)
 */
import { canonicalTags, type EventRecord, type ServiceCheck } from "@chouette-iot/record";
import { CUT_MARK, cutText } from "./datadog-logs.js";
import { type DatadogAccess, datadogOutput } from "./datadog-post.js";
import type { Output } from "./output.js";

const MAX_TITLE = 100;
const MAX_TEXT = 4_000;
const LIMITS = { encodings: ["deflate"], maxSentBytes: 3_200_000, maxInflatedBytes: 5_000_000 } as const;

/** A batch has a single event. */
export function datadogEvents(access: DatadogAccess): Output<EventRecord> {
  const endpoint = { ...LIMITS, url: `${access.apiUrl}/v1/events` };
  return datadogOutput(endpoint, "application/json", access, ([event], host) =>
    JSON.stringify(event === undefined ? {} : eventBody(event, host)),
  );
}

export function datadogChecks(access: DatadogAccess): Output<ServiceCheck> {
  const endpoint = { ...LIMITS, url: `${access.apiUrl}/v1/check_run` };
  return datadogOutput(endpoint, "application/json", access, (batch, host) =>
    JSON.stringify(batch.map((check) => checkBody(check, host))),
  );
}

/** @param agentHost the host of an event without one; "" for none */
export function eventBody(event: EventRecord, agentHost: string): object {
  const host = event.host ?? agentHost;
  return {
    ...event,
    title: cut(event.title, MAX_TITLE),
    text: cut(event.text, MAX_TEXT),
    date_happened: Math.floor(event.date_happened),
    host: host === "" ? undefined : host,
    tags: canonicalTags(event.tags),
  };
}

/** @param agentHost the host of a check without one */
export function checkBody(check: ServiceCheck, agentHost: string): object {
  return {
    ...check,
    timestamp: Math.floor(check.timestamp),
    host_name: check.host_name ?? agentHost,
    tags: canonicalTags(check.tags),
  };
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : cutText(text, limit - CUT_MARK.length);
}
