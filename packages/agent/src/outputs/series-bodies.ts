/**
 * The bodies of a batch of series: in each format that a version of Datadog's series endpoint takes, but a large batch
 * in the first of them only.
 *
 * In each, the series stand in the order, and the values are rounded in the base, that take the fewest bytes there.
 */
import { SMALL_BODY_BYTES } from "./compression.js";
import { binaryRounding, decimalRounding, type Rounding, roundSeries } from "./precision.js";
import type { Series } from "./series.js";
import { seriesV1, seriesV2 } from "./series-json.js";
import { byLength, byName } from "./series-order.js";
import { encodeMetricPayload } from "./series-protobuf.js";
import type { PlainBody, Some } from "./smallest-body.js";

export interface SeriesBodyOptions {
  readonly host: string;
  readonly seriesVersion: "v1" | "v2";
  /** Significant digits that values are rounded to; undefined leaves them as they are. */
  readonly precision: number | undefined;
}

interface Format {
  readonly contentType: string;
  rounding(digits: number): Rounding;
  order(series: readonly Series[]): readonly Series[];
  encode(series: readonly Series[], host: string): string | Uint8Array;
}

const JSON_FORMAT = { contentType: "application/json", rounding: decimalRounding, order: byName };
const PROTOBUF: Format = {
  contentType: "application/x-protobuf",
  rounding: binaryRounding,
  order: byLength,
  encode: encodeMetricPayload,
};

/** The one that suits large bodies first. */
const FORMATS: Readonly<Record<SeriesBodyOptions["seriesVersion"], Some<Format>>> = {
  v1: [{ ...JSON_FORMAT, encode: seriesV1 }],
  v2: [PROTOBUF, { ...JSON_FORMAT, encode: seriesV2 }],
};

export function seriesBodies(
  series: readonly Series[],
  { host, seriesVersion, precision }: SeriesBodyOptions,
): Some<PlainBody> {
  const bodyIn = ({ contentType, rounding, order, encode }: Format): PlainBody => {
    const round = precision === undefined ? undefined : rounding(precision);
    const rounded = round === undefined ? series : series.map((one) => roundSeries(one, round));
    return { contentType, bytes: Buffer.from(encode(order(rounded), host)) };
  };
  const [first, ...others] = FORMATS[seriesVersion];
  const body = bodyIn(first);
  return body.bytes.length > SMALL_BODY_BYTES ? [body] : [body, ...others.map(bodyIn)];
}
