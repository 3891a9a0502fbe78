/** A record that another agent sent here keeps its host, in every format; the others get this agent's. */
import { type ReadyMetric, type ReadySketch, seconds } from "@chouette-iot/record";
import { expect, it } from "vitest";
import { readMetricPayload } from "../intake/metric-payload.js";
import { readSeriesV1, readSeriesV2 } from "../intake/read-series-json.js";
import { readSeriesV3 } from "../intake/series-v3-payload.js";
import { readSketchPayload } from "../intake/sketch-payload.js";
import { encodeSketchPayload } from "./datadog-sketches.js";
import { groupSeries } from "./series.js";
import { seriesV1, seriesV2 } from "./series-json.js";
import { encodeMetricPayload } from "./series-protobuf.js";
import { encodeSeriesV3 } from "./series-v3.js";

const metric = (host?: string): ReadyMetric => ({
  ...{ metric: "m", type: "gauge", tags: [], points: [[seconds(10), 1]] },
  ...(host === undefined ? {} : { host }),
});
const series = groupSeries([metric("far"), metric(), metric("farther"), metric("far"), metric()]);
const sketch: ReadySketch = {
  ...{ metric: "s", tags: [], at: seconds(10) },
  sketch: { count: 1, sum: 1, min: 1, max: 1, bins: new Map([[1338, 1]]) },
};

it.each([
  ["protobuf", () => readMetricPayload(encodeMetricPayload(series, "near"))],
  ["series v3", () => readSeriesV3(encodeSeriesV3(series, "near"))],
  ["JSON v1", () => readSeriesV1(Buffer.from(seriesV1(series, "near")))],
  ["JSON v2", () => readSeriesV2(Buffer.from(seriesV2(series, "near")))],
  ["series v3", () => readSeriesV3(encodeSeriesV3(series, "near"))],
  [
    "sketches",
    () =>
      readSketchPayload(
        encodeSketchPayload([{ ...sketch, host: "far" }, sketch, { ...sketch, host: "farther" }], "near"),
      ),
  ],
])("%s", (_, read) => {
  const decoded = read();
  expect(decoded.ok && decoded.value.map(({ host }) => host)).toEqual(["far", "near", "farther"]);
});
