/**
 * The Datadog outputs for events and service checks.
 *
 * Datadog takes one event a request, with 4,000 characters of text and 100 of title: what is longer is cut, and marked where
 * it is. Service checks go as a list.
 *
 * (Source: Datadog's API reference, "Post an event" and "Submit a service check".)
 */
import { canonicalTags, type EventRecord, type ServiceCheck } from "@chouette-iot/record";
import { checkKey, type DatadogAccess, postToDatadog } from "./datadog-post.js";
import type { Output } from "./output.js";
import type { Endpoint } from "./smallest-body.js";

export interface DatadogEventsOptions extends DatadogAccess {
  /** The present host name: a device may get its name late at boot. */
  hostName(): string;
}

const MAX_TITLE = 100;
const MAX_TEXT = 4_000;
const CUT_MARK = "… (cut)";
const LIMITS = { encodings: ["deflate"], maxSentBytes: 3_200_000, maxInflatedBytes: 5_000_000 } as const;

/** @param options of the output; a batch has a single event */
export function datadogEvents(options: DatadogEventsOptions): Output<EventRecord> {
  return jsonOutput({ ...LIMITS, url: `${options.apiUrl}/v1/events` }, options, ([event]) =>
    event === undefined ? {} : eventBody(event, options.hostName()),
  );
}

export function datadogChecks(options: DatadogEventsOptions): Output<ServiceCheck> {
  return jsonOutput({ ...LIMITS, url: `${options.apiUrl}/v1/check_run` }, options, (batch) =>
    batch.map((check) => checkBody(check, options.hostName())),
  );
}

/** @param agentHost of an event that names none; with "" it has none */
export function eventBody(event: EventRecord, agentHost: string): object {
  const host = event.host ?? agentHost;
  return {
    ...event,
    title: cut(event.title, MAX_TITLE),
    text: cut(event.text, MAX_TEXT),
    date_happened: Math.floor(event.date_happened),
    ...(host === "" ? {} : { host }),
    tags: canonicalTags(event.tags),
  };
}

/** @param agentHost of a check that names none */
export function checkBody(check: ServiceCheck, agentHost: string): object {
  return {
    ...check,
    timestamp: Math.floor(check.timestamp),
    host_name: check.host_name ?? agentHost,
    tags: canonicalTags(check.tags),
  };
}

function jsonOutput<T>(
  endpoint: Endpoint,
  options: DatadogAccess,
  bodyOf: (batch: readonly T[]) => unknown,
): Output<T> {
  return {
    send(batch, signal) {
      const body = () => ({
        endpoint,
        contentType: "application/json",
        bytes: Buffer.from(JSON.stringify(bodyOf(batch))),
      });
      return postToDatadog(() => [body()], options, signal);
    },
    check: (signal) => checkKey(options, signal),
    close: () => options.sender.close(),
  };
}

function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  // A surrogate pair that is cut in two is no text.
  return text.slice(0, limit - CUT_MARK.length).replace(/[\ud800-\udbff]$/, "") + CUT_MARK;
}
