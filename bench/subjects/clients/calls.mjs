/**
 * The arguments of all clients' calls: tags, with a distinct route for each context. Each call creates its tags, as a
 * request handler does; the texts exist before.
 */

export const NAME = "http.requests";
export const METHOD = "GET";

/** Calls between two deliveries. */
export const CALLS_A_FLUSH = 20_000;

/** The value of the n-th call of a gauge or a histogram: 0 to 9.96, seconds of a request, say. @param {number} call */
export function nthValue(call) {
  return (call % 997) / 100;
}

/** @param {number} contexts @returns {string[]} */
export function routesOf(contexts) {
  return Array.from({ length: contexts }, (_, context) => `r${context}`);
}

/**
 * The calls that arrived, as far as a sink can tell. Values that a sink doesn't keep stay at their initial value.
 *
 * @typedef {object} Arrived
 * @property {number} sum  of the increments
 * @property {number} samples  of the histogram
 * @property {Map<string, number>} last  the gauge's value by route
 */
/** @returns {Arrived} */
export function nothing() {
  return { sum: 0, samples: 0, last: new Map() };
}
