/**
 * A series as it is submitted to Datadog, and the rules for it.
 *
 * Any names and tags are accepted: Datadog rewrites them, and so does the stand-in when it keeps them. Otherwise it is stricter:
 * what Datadog corrects or ignores is refused, so that a test notices it.
 *
 * Source of the rules: Datadog's "Submit metrics" and "What best practices are recommended for naming metrics and tags".
 */
import {
  bad,
  metricName,
  type Point,
  type ReadyType,
  type Result,
  type Seconds,
  seconds,
} from "@chouette-iot/record";

export interface SubmittedSeries {
  readonly metric: string;
  readonly type: ReadyType;
  /** "" if the series has none. */
  readonly host: string;
  /** Sorted. */
  readonly tags: readonly string[];
  /** At whole seconds. */
  readonly points: readonly Point[];
  readonly interval?: Seconds;
}

/** A series before validation, from any of the formats. */
export interface UncheckedSeries {
  readonly metric: unknown;
  /** "count", "gauge" or "rate"; undefined for a gauge, as at Datadog. */
  readonly type: unknown;
  readonly host: unknown;
  readonly tags: unknown;
  /** A list of `[seconds, value]`. */
  readonly points: unknown;
  readonly interval: unknown;
}

/** Of a metric's name in a reason, in characters. */
const MAX_SHOWN = 80;

const TYPES: Readonly<Record<ReadyType, true>> = { count: true, gauge: true, rate: true };

/** All series, or the reason to refuse one, and with it the whole payload. */
export function checkAllSeries(claims: readonly UncheckedSeries[]): Result<readonly SubmittedSeries[]> {
  const all: SubmittedSeries[] = [];
  for (const [index, claim] of claims.entries()) {
    const checked = checkSeries(claim);
    if (!checked.ok) return { ok: false, reason: `series[${index}]${nameOf(claim)}: ${checked.reason}` };
    all.push(checked.value);
  }
  return { ok: true, value: all };
}

function checkSeries(claim: UncheckedSeries): Result<SubmittedSeries> {
  const { metric, type = "gauge", host = "", tags, points, interval } = claim;
  if (typeof metric !== "string" || metricName(metric) === "") {
    return bad("metric", "a name with a letter in it", metric);
  }
  if (!isType(type)) return bad("type", "count, gauge or rate", type);
  if (typeof host !== "string") return bad("host", "a name", host);
  const checkedTags = checkTags(tags);
  if (!checkedTags.ok) return checkedTags;
  const checkedPoints = checkPoints(points);
  if (!checkedPoints.ok) return checkedPoints;
  const series = { metric, type, host, tags: checkedTags.value, points: checkedPoints.value };
  if (interval === undefined || interval === null || interval === 0) return { ok: true, value: series };
  if (!isWholeNumber(interval) || interval < 0) return bad("interval", "whole seconds", interval);
  return { ok: true, value: { ...series, interval: seconds(interval) } };
}

function checkTags(tags: unknown): Result<readonly string[]> {
  if (tags === undefined || tags === null) return { ok: true, value: [] };
  if (!Array.isArray(tags)) return bad("tags", 'a list of "name:value"', tags);
  for (const [index, tag] of tags.entries()) {
    if (typeof tag !== "string" || tag === "") return bad(`tags[${index}]`, "a string", tag);
  }
  return { ok: true, value: tags.toSorted() };
}

function checkPoints(points: unknown): Result<readonly Point[]> {
  if (!Array.isArray(points)) return bad("points", "a list of points", points);
  if (points.length === 0) return { ok: false, reason: "points is empty" };
  const checked: Point[] = [];
  for (const [index, point] of points.entries()) {
    if (!Array.isArray(point) || point.length !== 2) {
      return bad(`points[${index}]`, "a timestamp and a value", point);
    }
    const [at, value] = point;
    if (!isWholeNumber(at)) return bad(`points[${index}]: timestamp`, "whole seconds since 1970", at);
    if (typeof value !== "number" || !Number.isFinite(value)) {
      return bad(`points[${index}]: value`, "a finite number", value);
    }
    checked.push([seconds(at), value]);
  }
  return { ok: true, value: checked };
}

function isType(type: unknown): type is ReadyType {
  return typeof type === "string" && Object.hasOwn(TYPES, type);
}

function isWholeNumber(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function nameOf({ metric }: UncheckedSeries): string {
  return typeof metric === "string" ? ` ${JSON.stringify(metric.slice(0, MAX_SHOWN))}` : "";
}
