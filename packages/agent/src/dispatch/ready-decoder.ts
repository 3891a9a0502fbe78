/**
 * Decodes ready records into what is sent. Every record gets the global tags once: this agent's ready metrics when they are
 * made, all others here. Records forwarded by another agent already have their host and tags, and stay as they are.
 */
import {
  canonicalTags,
  decodeEvent,
  decodeLog,
  decodeReadyMetric,
  decodeServiceCheck,
  type EventRecord,
  type ReadyMetric,
  type ReceivedLog,
  type Result,
  type ServiceCheck,
} from "@chouette-iot/record";
import { isForwarded, isOwnReady } from "../runtime/ready-ids.js";

/** @param id in the queue */
export type Decoder<T> = (text: string, id: string) => Result<T>;

/** @param globalTags `["key:value", …]` */
export function readyDecoder(globalTags: readonly string[]): Decoder<ReadyMetric> {
  return (text, id) => {
    const decoded = decodeReadyMetric(text);
    if (!decoded.ok || globalTags.length === 0 || isOwnReady(id)) return decoded;
    return { ok: true, value: withTags(decoded.value, globalTags) };
  };
}

/** Removes a log's `host`: logs of this device's programs are sent with this agent's host name. */
export function logDecoder(globalTags: readonly string[]): Decoder<ReceivedLog> {
  return completing(decodeLog, ({ host: _, ...log }) => ({
    ...log,
    message: log.message,
    ddtags: [...log.ddtags, ...globalTags],
  }));
}

export function eventDecoder(globalTags: readonly string[]): Decoder<EventRecord> {
  return completing(decodeEvent, (event) => withTags(event, globalTags));
}

export function checkDecoder(globalTags: readonly string[]): Decoder<ServiceCheck> {
  return completing(decodeServiceCheck, (check) => withTags(check, globalTags));
}

function completing<T>(decode: (text: string) => Result<T>, complete: (record: T) => T): Decoder<T> {
  return (text, id) => {
    const decoded = decode(text);
    return decoded.ok && !isForwarded(id) ? { ok: true, value: complete(decoded.value) } : decoded;
  };
}

function withTags<T extends { readonly tags: readonly string[] }>(
  record: T,
  globalTags: readonly string[],
): T {
  return { ...record, tags: canonicalTags(record.tags, globalTags) };
}
