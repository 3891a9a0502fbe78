/** OpenTelemetry's metrics SDK. Its delivery is an export to an exporter that keeps it in memory. */
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { METHOD, NAME, nothing, routesOf } from "./calls.mjs";

/** @param {import("../calling.mjs").Job} job */
export async function open({ kind, contexts }) {
  // Cumulative is the default of its exporters.
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meter = new MeterProvider({ readers: [reader] }).getMeter("bench");
  let before = nothing();
  return {
    call: callOf(kind, meter, routesOf(contexts)),
    flush: async () => {
      exporter.reset();
      await reader.forceFlush();
    },
    arrived: async () => {
      const all = read(exporter.getMetrics());
      const since = { ...all, sum: all.sum - before.sum, samples: all.samples - before.samples };
      before = all;
      return since;
    },
  };
}

function callOf(kind, meter, routes) {
  const calls = {
    increment: () => {
      const counter = meter.createCounter(NAME);
      return (context) => counter.add(1, { route: routes[context], method: METHOD });
    },
    gauge: () => {
      const gauge = meter.createGauge(NAME);
      return (context, value) => gauge.record(value, { route: routes[context], method: METHOD });
    },
    histogram: () => {
      const histogram = meter.createHistogram(NAME);
      return (context, value) => histogram.record(value, { route: routes[context], method: METHOD });
    },
  };
  return calls[kind]();
}

function read(exported) {
  const arrived = nothing();
  const points = exported
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ metrics }) => metrics)
    .flatMap(({ dataPoints }) => dataPoints);
  for (const { attributes, value } of points) {
    if (typeof value === "number") {
      arrived.sum += value;
      arrived.last.set(attributes.route, value);
    } else {
      arrived.samples += value.count;
    }
  }
  return arrived;
}
