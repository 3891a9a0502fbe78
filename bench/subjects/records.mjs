/** The records to store in a broker: samples of one histogram, with a number of contexts and a size. */

export const NAME = "app.latency";

/** The size of the client's batches: 500 records, or 256 KiB. */
const BATCH_RECORDS = 500;
const BATCH_BYTES = 256 * 1024;
const TAG_VALUE_LENGTH = 190;

/** @param {number} recordBytes */
export function recordsIn(recordBytes) {
  return Math.max(1, Math.min(BATCH_RECORDS, Math.floor(BATCH_BYTES / recordBytes)));
}

/**
 * The tags of each context: a route, a method, and as many more as make a record of this size.
 *
 * @param {number} contexts
 * @param {number} recordBytes
 * @returns {Record<string, string>[]}
 */
export function tagsOf(contexts, recordBytes) {
  const filling = {};
  for (let number = 0; textOf({ ...filling, route: "r0", method: "GET" }).length < recordBytes; number++) {
    const left = recordBytes - textOf({ ...filling, route: "r0", method: "GET", [`t${number}`]: "" }).length;
    if (left <= 0) break;
    filling[`t${number}`] = "x".repeat(Math.min(left, TAG_VALUE_LENGTH));
  }
  return Array.from({ length: contexts }, (_, context) => ({
    // Common tags come first, as in a service.
    ...filling,
    route: `r${context}`,
    method: "GET",
  }));
}

/** A record's JSON as the broker keeps it. @param {Readonly<Record<string, string>>} tags */
export function textOf(tags) {
  return JSON.stringify({ metric: NAME, type: "histogram", value: 1.5, timestamp: 1763800000.123, tags });
}
