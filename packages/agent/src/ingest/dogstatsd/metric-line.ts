/**
 * Metric lines of DogStatsD 1.6 and of plain statsd: `name:value|type|@rate|#tag:v,tag2|…`.
 *
 * A line is its values and, around them, its shape: name, type, tags and the other fields. Lines of one series share a
 * shape, so that it is parsed once; `scanned-line.ts` finds the parts.
 *
 * Promises: any text is read as a metric or refused with a reason; nothing is thrown. Fields that aren't known are ignored,
 * as the Datadog Agent does, so that later protocols can be read.
 *
 * (Source: Datadog's documentation, "DogStatsD: datagram format and shell usage".)
 */
import { metricName, type Result } from "@chouette-iot/record";
import { dialectTags } from "./dialect-tags.js";
import { type Origin, parseOrigin } from "./origin.js";

const TYPES = {
  c: "count",
  g: "gauge",
  h: "histogram",
  ms: "histogram",
  s: "set",
  d: "distribution",
} as const;

export type StatsdMetricType = (typeof TYPES)[keyof typeof TYPES];

export interface MetricShape {
  /** By Datadog's rules. */
  readonly name: string;
  readonly type: StatsdMetricType;
  /** As they were sent. */
  readonly tags: readonly string[];
  /** Above 0, at most 1. */
  readonly sampleRate: number;
  /** Unix time in seconds of a point with its own time. */
  readonly timestamp: number | undefined;
  readonly origin: Origin;
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
/**
 * @param givenName what is before the values
 * @param fields what is after them, beginning with `|`
 */
export function parseShape(givenName: string, fields: string): Result<MetricShape> {
  const dialect = dialectTags(givenName);
  if (!dialect.ok) return dialect;
  const name = metricName(dialect.value.name);
  if (name === "") return { ok: false, reason: "the name has no letter" };
  const [, type = "", ...options] = fields.split("|");
  if (!Object.hasOwn(TYPES, type)) return { ok: false, reason: "unknown metric type" };
  const tags = [...dialect.value.tags];
  const originFields: string[] = [];
  let sampleRate = 1;
  let timestamp: number | undefined;
  for (const option of options) {
    switch (option[0]) {
      case "#":
        if (dialect.value.tags.length > 0) return { ok: false, reason: "tags in two dialects" };
        tags.push(...parseTags(option));
        break;
      case "@":
        sampleRate = metricNumber(option.slice(1)) ?? Number.NaN;
        if (!(sampleRate > 0 && sampleRate <= 1))
          return { ok: false, reason: "the sample rate isn't from 0 to 1" };
        break;
      case "T":
        timestamp = /^T[1-9]\d{0,11}$/.test(option) ? Number(option.slice(1)) : Number.NaN;
        if (Number.isNaN(timestamp)) return { ok: false, reason: "the timestamp isn't in whole seconds" };
        break;
      default:
        originFields.push(option);
    }
  }
  const known = TYPES[type as keyof typeof TYPES];
  if (timestamp !== undefined && known !== "count" && known !== "gauge")
    return { ok: false, reason: "only counts and gauges may have a timestamp" };
  const origin = parseOrigin(originFields);
  return { ok: true, value: { name, type: known, tags, sampleRate, timestamp, origin } };
}

/** @param field `#tag,tag` */
export function parseTags(field: string): readonly string[] {
  return field
    .slice(1)
    .split(",")
    .filter((tag) => tag !== "");
}

/** A finite number in decimal; undefined for anything else. */
export function metricNumber(text: string): number | undefined {
  if (!NUMBER.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}
