/**
 * The agent's results are the same with and without aggregation in the client: the same calls at the same times,
 * through a client that aggregates and one that doesn't, into two databases of a real Redis, and through the agent's
 * own flush.
 */
import { queueNames } from "@chouette-iot/queue";
import { RedisStore } from "@chouette-iot/queue/redis";
import { decodeReadyMetric, type ReadyMetric } from "@chouette-iot/record";
import { ChouetteClient } from "chouette-iot-client";
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { datadogWrapper } from "../../packages/agent/src/wrappers/datadog-wrapper.js";
import { newFlusher } from "../support/flushing.js";
import { ManualClock } from "../support/manual-clock.js";
import { redisForTests } from "../support/redis-for-tests.js";
import { inOrder, isClose } from "../support/vectors.js";

const NOON = 1_763_812_800_000;
const server = redisForTests();

afterEach(() => vi.useRealTimers());

const call = fc.record({
  /** Milliseconds since the call before. */
  after: fc.oneof(
    fc.nat({ max: 3 }),
    fc.integer({ min: 100, max: 700 }),
    fc.integer({ min: 900, max: 3_000 }),
  ),
  type: fc.constantFrom(
    "count" as const,
    "rate" as const,
    "gauge" as const,
    "set" as const,
    "histogram" as const,
  ),
  metric: fc.constant("m"),
  tags: fc.constantFrom({}, { zone: "y", k: "v" }, ["k:v", "zone:y"]),
  value: fc.oneof(fc.integer({ min: -1_000, max: 1_000 }), fc.constantFrom(0.1, 2.5, 1e-3)),
  elements: fc.array(fc.constantFrom<unknown>("x", "y", 1, "1", true, [1])),
});
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

function play(client: ChouetteClient, { type, metric, tags, value, elements }: Call): void {
  if (type === "set") client.set(`${metric}.set`, elements, { tags });
  else client[type](`${metric}.${type}`, value, { tags });
}

async function readyMetrics(database: number): Promise<readonly ReadyMetric[]> {
  const store = new RedisStore({ url: `${server.redis.url}/${database}` });
  const flusher = newFlusher({
    store,
    wrap: datadogWrapper({
      histogramAggregates: ["max", "median", "avg", "count", "min", "sum"],
      histogramPercentiles: [0.95],
    }),
    clock: new ManualClock(NOON + 3_600_000),
  });
  await vi.waitFor(() => store.size("any"));
  await flusher.flush();
  const records = await store.read(queueNames().readyMetrics, { limit: 10_000 });
  await store.close();
  return records.map(({ value = "" }) => {
    const decoded = decodeReadyMetric(value);
    if (!decoded.ok) throw new Error(decoded.reason);
    return decoded.value;
  });
}

test("the agent makes the same of the records with aggregation and without", async () => {
  const url = (database: number) => `${server.redis.url}/${database}`;
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 60, maxLength: 120 }), async (calls) => {
      await server.broker.command("FLUSHALL");
      const clients = [
        new ChouetteClient({ url: url(0), aggregate: true }),
        new ChouetteClient({ url: url(1), aggregate: false }),
      ];
      vi.useFakeTimers({ toFake: ["Date"], now: NOON });
      for (const made of calls) {
        vi.setSystemTime(Date.now() + made.after);
        for (const client of clients) play(client, made);
      }
      for (const client of clients) expect(await client.flush()).toBe(true);
      vi.useRealTimers();
      await Promise.all(clients.map((client) => client.close()));
      const [aggregated = [], plain = []] = [await readyMetrics(0), await readyMetrics(1)].map(flat);
      expect(plain.length).toBeGreaterThan(0);
      expect(aggregated.map(({ key }) => key)).toEqual(plain.map(({ key }) => key));
      for (const [index, { key, value }] of aggregated.entries())
        expect([key, isNear(value, plain[index]?.value ?? Number.NaN)]).toEqual([key, true]);
    }),
    { numRuns: 25, endOnFailure: true },
  );
}, 120_000);

/** A line for each point, in any order. */
function flat(metrics: readonly ReadyMetric[]): readonly { readonly key: string; readonly value: number }[] {
  return inOrder(metrics)
    .flatMap(({ points, ...metric }) =>
      points.map(([at, value]) => ({ key: JSON.stringify([metric, at]), value })),
    )
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Sums in another order differ by rounding, relative to the largest summand if they cancel out. */
function isNear(a: number, b: number): boolean {
  return isClose(a, b) || Math.abs(a - b) < 1e-6;
}
