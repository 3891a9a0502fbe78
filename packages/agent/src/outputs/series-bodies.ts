/**
 * The bodies of a batch of series, in every format that the used endpoints accept; a large batch only in the formats that suit
 * it.
 *
 * Each format has the order of series and the base for rounding that give the fewest bytes.
 */
import { SMALL_BODY_BYTES } from "./compression.js";
import { binaryRounding, decimalRounding, type Rounding, roundSeries } from "./precision.js";
import type { Series } from "./series.js";
import { seriesV1, seriesV2 } from "./series-json.js";
import { byLength, byName } from "./series-order.js";
import { encodeMetricPayload } from "./series-protobuf.js";
import { encodeSeriesV3 } from "./series-v3.js";
import type { Endpoint, NonEmptyArray, PlainBody } from "./smallest-body.js";

/** Version of the series endpoint. With v3, v2 is also used, if that gives fewer bytes. */
export type SeriesVersion = "v1" | "v2" | "v3";

export interface SeriesBodyOptions {
  readonly host: string;
  /** Base URL of the API, such as `https://api.datadoghq.com/api`. */
  readonly apiUrl: string;
  readonly seriesVersion: SeriesVersion;
  /** Significant digits to round values to; undefined for no rounding. */
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
  /** Whether it is tried for a large body. */
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
const FORMATS: Readonly<Record<SeriesVersion, NonEmptyArray<Format>>> = {
  v1: [{ ...JSON_FORMAT, endpoint: V1, suitsLarge: true, encode: seriesV1 }],
  v2: [V2_PROTOBUF, V2_JSON],
  v3: [{ ...PROTOBUF, endpoint: V3, encode: encodeSeriesV3 }, V2_PROTOBUF, V2_JSON],
};

export function seriesBodies(
  series: readonly Series[],
  { host, apiUrl, seriesVersion, precision }: SeriesBodyOptions,
): NonEmptyArray<PlainBody> {
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
