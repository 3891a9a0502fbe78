/** datadog-metrics, with a reporter that keeps what would be sent to Datadog, instead of an HTTP request. */
import datadogMetrics from "datadog-metrics";
import { METHOD, NAME, nothing, routesOf } from "./calls.mjs";

const ROUTE = "route:";

/** @param {import("../calling.mjs").Job} job */
export async function open({ kind, contexts }) {
  const reported = [];
  const logger = new datadogMetrics.BufferedMetricsLogger({
    reporter: { report: async (series) => void reported.push(...series) },
    // Flushed by the measurement.
    flushIntervalSeconds: 0,
  });
  const routes = routesOf(contexts).map((route) => `${ROUTE}${route}`);
  const method = `method:${METHOD}`;
  const calls = {
    increment: (context) => logger.increment(NAME, 1, [routes[context], method]),
    gauge: (context, value) => logger.gauge(NAME, value, [routes[context], method]),
    histogram: (context, value) => logger.histogram(NAME, value, [routes[context], method]),
  };
  return {
    call: calls[kind],
    flush: () => logger.flush(),
    arrived: async () => {
      const arrived = nothing();
      for (const { metric, tags, points } of reported.splice(0)) {
        const route = tags.find((tag) => tag.startsWith(ROUTE)).slice(ROUTE.length);
        for (const [, value] of points) {
          if (metric === `${NAME}.count`) arrived.samples += value;
          if (metric !== NAME) continue;
          arrived.sum += value;
          arrived.last.set(route, value);
        }
      }
      return arrived;
    },
  };
}
