/**
 * The bodies of a batch of series: in each format that the series endpoints in use take, but a large batch only in the formats
 * that suit it.
 *
 * In each, the series stand in the order, and the values are rounded in the base, that take the fewest bytes there.
 */
import { SMALL_BODY_BYTES } from "./compression.js";
import { binaryRounding, decimalRounding, type Rounding, roundSeries } from "./precision.js";
import type { Series } from "./series.js";
import { seriesV1, seriesV2 } from "./series-json.js";
import { byLength, byName } from "./series-order.js";
import { encodeMetricPayload } from "./series-protobuf.js";
import { encodeSeriesV3 } from "./series-v3.js";
import type { Endpoint, PlainBody, Some } from "./smallest-body.js";

/** The newest version of the series endpoint in use: with v3, v2 as well, wherever that takes fewer bytes. */
export type SeriesVersion = "v1" | "v2" | "v3";

export interface SeriesBodyOptions {
  readonly host: string;
  /** The API's base, as in `https://api.datadoghq.com/api`. */
  readonly apiUrl: string;
  readonly seriesVersion: SeriesVersion;
  /** Significant digits that values are rounded to; undefined leaves them as they are. */
  readonly precision: number | undefined;
}

type SeriesEndpoint = Omit<Endpoint, "url"> & { readonly path: string };

/** Limits and encodings: Datadog's API reference, "Submit metrics", and for v3 the Datadog Agent's serializer. */
const V1: SeriesEndpoint = {
  path: "/v1/series",
  encodings: ["deflate"],
  maxSentBytes: 3_200_000,
  maxInflatedBytes: 62_914_560,
};
const V2: SeriesEndpoint = {
  path: "/v2/series",
  encodings: ["zstd", "deflate"],
  maxSentBytes: 512_000,
  maxInflatedBytes: 5_242_880,
};
const V3: SeriesEndpoint = { ...V2, path: "/intake/metrics/v3/series", encodings: ["zstd"] };

interface Format {
  readonly endpoint: SeriesEndpoint;
  readonly contentType: string;
  /** Whether it is worth trying for a large body. */
  readonly suitsLarge: boolean;
  rounding(digits: number): Rounding;
  order(series: readonly Series[]): readonly Series[];
  encode(series: readonly Series[], host: string): string | Uint8Array;
}

const JSON_FORMAT = { contentType: "application/json", rounding: decimalRounding, order: byName };
const PROTOBUF = {
  contentType: "application/x-protobuf",
  suitsLarge: true,
  rounding: binaryRounding,
  order: byLength,
};
const V2_PROTOBUF: Format = { ...PROTOBUF, endpoint: V2, encode: encodeMetricPayload };
const V2_JSON: Format = { ...JSON_FORMAT, endpoint: V2, suitsLarge: false, encode: seriesV2 };

/** The one that suits large bodies first. */
const FORMATS: Readonly<Record<SeriesVersion, Some<Format>>> = {
  v1: [{ ...JSON_FORMAT, endpoint: V1, suitsLarge: true, encode: seriesV1 }],
  v2: [V2_PROTOBUF, V2_JSON],
  v3: [{ ...PROTOBUF, endpoint: V3, encode: encodeSeriesV3 }, V2_PROTOBUF, V2_JSON],
};

export function seriesBodies(
  series: readonly Series[],
  { host, apiUrl, seriesVersion, precision }: SeriesBodyOptions,
): Some<PlainBody> {
  const bodyIn = ({ endpoint, contentType, rounding, order, encode }: Format): PlainBody => {
    const round = precision === undefined ? undefined : rounding(precision);
    const rounded = round === undefined ? series : series.map((one) => roundSeries(one, round));
    const { path, ...limits } = endpoint;
    const bytes = Buffer.from(encode(order(rounded), host));
    return { endpoint: { ...limits, url: apiUrl + path }, contentType, bytes };
  };
  const isWorthTrying = ({ endpoint, bytes }: PlainBody, { suitsLarge }: Format) =>
    bytes.length <= (suitsLarge ? endpoint.maxInflatedBytes : SMALL_BODY_BYTES);
  const [first, ...others] = FORMATS[seriesVersion];
  const body = bodyIn(first);
  const isLarge = body.bytes.length > SMALL_BODY_BYTES;
  const tried = others.filter(({ suitsLarge }) => suitsLarge || !isLarge);
  return [body, ...tried.flatMap((format) => [bodyIn(format)].filter((one) => isWorthTrying(one, format)))];
}

export function isSeriesV3({ url }: Pick<Endpoint, "url">): boolean {
  return url.endsWith(V3.path);
}
