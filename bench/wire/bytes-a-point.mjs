/**
 * Bytes a point on the wire: what each way of writing a batch takes.
 *
 *     npm run build && node bench/wire/bytes-a-point.mjs [seed]
 *
 * Exit code 1 where the agent's own ways miss their targets at the first workload.
 */
import { deflateSync } from "node:zlib";
import { compress } from "../../packages/agent/dist/outputs/compression.js";
import { rounding, roundSeries } from "../../packages/agent/dist/outputs/precision.js";
import { groupSeries } from "../../packages/agent/dist/outputs/series.js";
import { seriesV1 } from "../../packages/agent/dist/outputs/series-json.js";
import { encodeMetricPayload } from "../../packages/agent/dist/outputs/series-protobuf.js";
import { plant, uniformNoise } from "./workloads.mjs";

const HOST = "device-1";
const TARGETS = { whole: 7.8, rounded: 4.5 };

const seed = Number(process.argv[2] ?? 1);
const noise = await table("Noise alone", uniformNoise(seed));
await table("A plant's sensors", plant(seed));
if (noise.whole > TARGETS.whole || noise.rounded > TARGETS.rounded) {
  console.error(`over the targets of ${TARGETS.whole} and ${TARGETS.rounded} bytes a point`);
  process.exitCode = 1;
}

/** @returns bytes a point as the agent sends them, without loss and with six digits */
async function table(title, metrics) {
  const series = groupSeries(metrics, []);
  const byName = [...series].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const inDecimal = series.map((one) => mapValues(one, (value) => Number(value.toPrecision(6))));
  const inBinary = series.map((one) => roundSeries(one, rounding(6)));
  const whole = await zstd(series);
  const rounded = await zstd(inBinary);
  const rows = [
    ["JSON v1, a series for each point, deflate 6: the original's way", deflateSync(seriesV1(metrics, HOST))],
    ["JSON v1, grouped, deflate 9", deflateSync(seriesV1(series, HOST), { level: 9 })],
    ["protobuf, deflate 9", deflate(series)],
    ["protobuf, series by name, zstd", await zstd(byName)],
    ["**protobuf, series by length, zstd: the agent's way**", whole],
    ["6 digits in decimal, protobuf, zstd", await zstd(inDecimal)],
    ["6 digits in binary, protobuf, deflate 9", deflate(inBinary)],
    ["**6 digits in binary, protobuf, zstd: METRIC_PRECISION=6**", rounded],
  ];
  console.log(`\n${title}: ${metrics.length} points of ${series.length} series, seed ${seed}\n`);
  console.log("| written as | bytes | bytes a point |\n| --- | ---: | ---: |");
  for (const [how, { length }] of rows) {
    console.log(`| ${how} | ${length} | ${(length / metrics.length).toFixed(2)} |`);
  }
  return { whole: whole.length / metrics.length, rounded: rounded.length / metrics.length };
}

function nameOf({ metric, tags }) {
  return [metric, ...tags].join("\n");
}

function mapValues(series, change) {
  return { ...series, points: series.points.map(([at, value]) => [at, change(value)]) };
}

function deflate(series) {
  return deflateSync(encodeMetricPayload(series, HOST), { level: 9 });
}

async function zstd(series) {
  const { encoding, bytes } = await compress(encodeMetricPayload(series, HOST), "zstd");
  if (encoding !== "zstd") throw new Error("there is no zstd encoder here");
  return bytes;
}
