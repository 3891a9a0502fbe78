/**
 * Parses metric lines of DogStatsD 1.6 and of plain statsd: `name:value|type|@rate|#tag:v,tag2|…`.
 *
 * A line consists of its values and its shape: name, type, tags and the other fields. Lines of one series share a shape, which is
 * parsed once; `scanned-line.ts` finds the parts.
 *
 * Promises: any text is parsed as a metric or refused with a reason; nothing throws. Unknown fields are ignored, as in the Datadog
 * Agent, so that later protocol versions can be read.
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

type StatsdMetricType = (typeof TYPES)[keyof typeof TYPES];

export interface MetricShape {
  /** By Datadog's rules. */
  readonly name: string;
  readonly type: StatsdMetricType;
  /** Unchanged. */
  readonly tags: readonly string[];
  /** Above 0, at most 1. */
  readonly sampleRate: number;
  /** Unix time in seconds, if the line has one. */
  readonly timestamp: number | undefined;
  readonly origin: Origin;
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
/**
 * @param givenName the text before the values
 * @param fields the text after the values, beginning with `|`
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
          return { ok: false, reason: "the sample rate isn't above 0 and at most 1" };
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
