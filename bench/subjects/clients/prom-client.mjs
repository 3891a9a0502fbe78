/** prom-client. Its delivery is the text that Prometheus fetches. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { METHOD, nothing, routesOf } from "./calls.mjs";

const LABELS = ["route", "method"];

/** @param {import("../calling.mjs").Job} job  settings: `bound` for children of labels() that are kept */
export async function open({ kind, contexts, settings: { bound = false } }) {
  const registry = new Registry();
  const routes = routesOf(contexts);
  const options = { name: "http", help: "requests", labelNames: LABELS, registers: [registry] };
  let text = "";
  let before = nothing();
  return {
    call: (bound ? boundCall : labelledCall)(kind, options, routes),
    flush: async () => {
      text = await registry.metrics();
    },
    arrived: async () => {
      // Its sums are since the process' start.
      const all = read(text);
      const since = { ...all, sum: all.sum - before.sum, samples: all.samples - before.samples };
      before = all;
      return since;
    },
  };
}

function labelledCall(kind, options, routes) {
  const calls = {
    increment: () => {
      const counter = new Counter(options);
      return (context) => counter.inc({ route: routes[context], method: METHOD });
    },
    gauge: () => {
      const gauge = new Gauge(options);
      return (context, value) => gauge.set({ route: routes[context], method: METHOD }, value);
    },
    histogram: () => {
      const histogram = new Histogram(options);
      return (context, value) => histogram.observe({ route: routes[context], method: METHOD }, value);
    },
  };
  return calls[kind]();
}

function boundCall(kind, options, routes) {
  const children = (metric) => routes.map((route) => metric.labels(route, METHOD));
  const calls = {
    increment: () => {
      const counters = children(new Counter(options));
      return (context) => counters[context].inc();
    },
    gauge: () => {
      const gauges = children(new Gauge(options));
      return (context, value) => gauges[context].set(value);
    },
    histogram: () => {
      const histograms = children(new Histogram(options));
      return (context, value) => histograms[context].observe(value);
    },
  };
  return calls[kind]();
}

/** `http{route="r1",method="GET"} 20`, `http_count{…} 20` */
function read(text) {
  const arrived = nothing();
  for (const [, name, route, value] of text.matchAll(/^(http|http_count)\{.*?route="(.*?)".*?\} (\S+)$/gm)) {
    if (name === "http_count") {
      arrived.samples += Number(value);
    } else {
      arrived.sum += Number(value);
      arrived.last.set(route, Number(value));
    }
  }
  return arrived;
}
