/** hot-shots. Its sink is a UDP socket, which the measurement reads. */
import HotShots from "hot-shots";
import { METHOD, NAME, routesOf } from "./calls.mjs";

/** @param {import("../calling.mjs").Job} job  settings: its options */
export async function open({ kind, contexts, port, settings }) {
  const client = new HotShots({ host: "127.0.0.1", port, errorHandler: () => {}, ...settings });
  // Lists of texts are its fastest form; it converts objects to lists.
  const routes = routesOf(contexts).map((route) => `route:${route}`);
  const method = `method:${METHOD}`;
  const calls = {
    increment: (context) => client.increment(NAME, 1, [routes[context], method]),
    gauge: (context, value) => client.gauge(NAME, value, [routes[context], method]),
    histogram: (context, value) => client.histogram(NAME, value, [routes[context], method]),
  };
  return {
    call: calls[kind],
    flush: () =>
      new Promise((resolve, reject) => client.flush((error) => (error ? reject(error) : resolve(undefined)))),
  };
}
