/**
 * Reads the JSON bodies of `POST /api/v1/series` and `POST /api/v2/series`.
 *
 * v1: `{"series": [{"metric", "type"?, "host"?, "tags"?, "points": [[seconds, value], …], "interval"?}, …]}`
 * v2: the same, except for `"type": 0 to 3`, `"resources": [{"type": "host", "name"}, …]` and
 *     `"points": [{"timestamp", "value"}, …]`.
 */
import { messageOf, type Result } from "@chouette-iot/record";
import { checkAllSeries, type SubmittedSeries, type UncheckedSeries } from "./submitted-series.js";

/** The types by their numbers in v2. */
const TYPES = [undefined, "count", "rate", "gauge"] as const;
/** Maximum nesting of arrays and objects. JSON.parse accepts any depth, but printing the content is recursive. */
const MAX_DEPTH = 200;

type Fields = Readonly<Record<string, unknown>>;

export function readSeriesV1(body: Buffer): Result<readonly SubmittedSeries[]> {
  return readSeries(body, ({ metric, type, host, tags, points, interval }) => ({
    metric,
    type: type === "" || type === null ? undefined : type,
    host: host ?? undefined,
    tags,
    points,
    interval,
  }));
}

export function readSeriesV2(body: Buffer): Result<readonly SubmittedSeries[]> {
  return readSeries(body, ({ metric, type, resources, tags, points, interval }) => ({
    metric,
    type: typeOf(type),
    host: hostOf(resources),
    tags,
    points: Array.isArray(points) ? points.map(pairOf) : points,
    interval,
  }));
}

function readSeries(
  body: Buffer,
  claimOf: (fields: Fields) => UncheckedSeries,
): Result<readonly SubmittedSeries[]> {
  const parsed = parseJson(body);
  if (!parsed.ok) return parsed;
  const list = isObject(parsed.value) ? parsed.value.series : undefined;
  if (!Array.isArray(list)) return { ok: false, reason: 'the body should be {"series": [ … ]}' };
  const index = list.findIndex((entry) => !isObject(entry));
  if (index >= 0) return { ok: false, reason: `series[${index}] should be an object` };
  return checkAllSeries(list.map(claimOf));
}

/** The type with this number in v2, undefined for 0 (unspecified); an unknown number unchanged. */
export function typeWithNumber(number: number): string | number | undefined {
  return number in TYPES ? TYPES[number] : number;
}

/** Parses the body as JSON. Its content may be up to {@link MAX_DEPTH} levels deep, so it can be printed. */
export function parseJson(body: Buffer): Result<unknown> {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    if (isDeeperThan(value, MAX_DEPTH))
      return { ok: false, reason: `the body is nested more than ${MAX_DEPTH} levels deep` };
    return { ok: true, value };
  } catch (error) {
    const why = messageOf(error);
    return { ok: false, reason: `the body is not JSON: ${why}` };
  }
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hostOf(resources: unknown): unknown {
  if (!Array.isArray(resources)) return undefined;
  return resources.filter(isObject).find((resource) => resource.type === "host")?.name;
}

/** A type that v2 doesn't have stays a number or gets quotes, so that it isn't taken for a type of v1. */
function typeOf(type: unknown): unknown {
  if (typeof type === "number") return typeWithNumber(type);
  return type === undefined ? undefined : JSON.stringify(type);
}

function pairOf(point: unknown): unknown {
  return isObject(point) ? [point.timestamp, point.value] : undefined;
}
