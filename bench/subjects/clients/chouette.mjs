/** Our client. Its sink is a redis-server, which the measurement reads. */
import { pathToFileURL } from "node:url";
import { METHOD, NAME, routesOf } from "./calls.mjs";

/** The client sends four batches of 500 at a time; a faster program waits for the broker. */
const RECORDS_AHEAD = 2_000;
const FLUSH_MS = 60_000;

/** @param {import("../calling.mjs").Job} job  settings: the client's options, and `bound` for handles */
export async function open({ kind, contexts, root, port, settings: { bound, ...options } }) {
  const { ChouetteClient } = await import(pathToFileURL(`${root}/packages/client/dist/index.js`).href);
  const client = new ChouetteClient({ port, ...options });
  const routes = routesOf(contexts);
  return {
    call: bound ? boundCall(client, kind, routes) : taggedCall(client, kind, routes),
    breathe: async (answer) => {
      if (client.stats().buffered > RECORDS_AHEAD) await answer;
    },
    flush: async () => {
      if (!(await client.flush({ timeoutMs: FLUSH_MS }))) throw new Error("the client could not flush");
    },
  };
}

function taggedCall(client, kind, routes) {
  const calls = {
    increment: (context) => client.increment(NAME, 1, { tags: { route: routes[context], method: METHOD } }),
    gauge: (context, value) =>
      client.gauge(NAME, value, { tags: { route: routes[context], method: METHOD } }),
    histogram: (context, value) =>
      client.histogram(NAME, value, { tags: { route: routes[context], method: METHOD } }),
  };
  return calls[kind];
}

function boundCall(client, kind, routes) {
  const handles = (bind) => routes.map((route) => bind({ route, method: METHOD }));
  const calls = {
    increment: () => {
      const counters = handles((tags) => client.boundCounter(NAME, tags));
      return (context) => counters[context].inc();
    },
    gauge: () => {
      const gauges = handles((tags) => client.boundGauge(NAME, tags));
      return (context, value) => gauges[context].set(value);
    },
    histogram: () => {
      const histograms = handles((tags) => client.boundHistogram(NAME, tags));
      return (context, value) => histograms[context].observe(value);
    },
  };
  return calls[kind]();
}
