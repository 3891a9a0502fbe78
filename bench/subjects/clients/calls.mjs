/**
 * What all clients are called with: the tags, of which each context has a route of its own. A call makes its tags anew, as
 * a handler of requests does; the texts are there before.
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
 * What arrived of the calls, as each far end can tell it. What a far end doesn't keep stays at its beginning.
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
