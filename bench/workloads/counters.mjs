/**
 * Sparse counters: an application's requests by route and status, which are zero in most windows.
 *
 * 400 counters; each counts a small number in a share of the windows, from 0.1 % to 30 %. The floor includes the counts
 * and, since that must be sent too, which counter has a point in which window.
 */
import { Source } from "./source.mjs";

const FIRST_WINDOW = 1_795_356_000;
const INTERVAL = 10;
const RELEASE_INTERVAL = 60;
const ROUTES = 40;
const STATUSES = [200, 201, 204, 301, 400, 401, 404, 409, 429, 500];

export function sparseCounters(seed, hours) {
  const source = new Source(seed);
  const counters = Array.from({ length: ROUTES }, (_, route) =>
    STATUSES.map((status) => ({
      tags: [`route:/api/v1/resource${route}`, `status:${status}`],
      share: 0.001 * 300 ** source.uniform(),
    })),
  ).flat();
  source.bits = 0;
  const releases = [];
  for (let past = 0; past < hours * 3600; past += RELEASE_INTERVAL) {
    const records = [];
    for (let window = 0; window < RELEASE_INTERVAL; window += INTERVAL) {
      const at = FIRST_WINDOW + past + window;
      for (const { tags, share } of counters) {
        if (!source.chance(share)) continue;
        const points = [[at, 1 + source.count(1)]];
        records.push({ metric: "api.requests", type: "count", tags, points, interval: INTERVAL });
      }
    }
    releases.push({ at: FIRST_WINDOW + past + RELEASE_INTERVAL + 2, records });
  }
  return {
    title: `400 sparse counters over ${hours} h, a release every minute`,
    releases,
    bits: source.bits,
  };
}
