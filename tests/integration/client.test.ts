import { readFileSync } from "node:fs";
import { ChouetteClient } from "chouette-iot-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CLOSED_PORT } from "../support/ports.js";
import { redisForTests } from "../support/redis-for-tests.js";
import { until } from "../support/until.js";

const server = redisForTests();
let client: ChouetteClient;

beforeEach(async () => {
  // Generous, since this doesn't test speed and the machine may be busy.
  client = new ChouetteClient({ url: server.redis.url, answerTimeoutMs: 20_000 });
});
afterEach(() => client.close());

interface Vector {
  readonly call?: {
    readonly method: "count" | "increment" | "decrement" | "gauge" | "histogram" | "rate" | "set";
    readonly args: readonly [string, never];
    readonly kwargs: { readonly timestamp: number; readonly tags?: Record<string, string> };
  };
  readonly stored: readonly { readonly score: number; readonly json: string }[];
}

const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL("../fixtures/client_records.json", import.meta.url), "utf8"),
);

describe("a call stores what the original client stores", () => {
  for (const { call, stored } of vectors) {
    if (call === undefined) continue;
    test(`${call.method}(${JSON.stringify(call.args)}, ${JSON.stringify(call.kwargs)})`, async () => {
      expect(await client[call.method](...call.args, call.kwargs)).toBe(true);
      const records = await server.broker.records();
      expect(records.map(({ score, json }) => ({ score, json }))).toEqual(
        stored.map(({ score, json }) => ({ score, json: JSON.parse(json) })),
      );
    });
  }

  test("a Set as the array of its elements, at the time of the call, with tags as a list", async () => {
    const before = Date.now() / 1000;
    expect(await client.set("a.set", new Set([1, "b", true]), { tags: ["zone:a:b", "bare"] })).toBe(true);
    const [record] = await server.broker.records();
    expect(record?.json).toMatchObject({ value: [1, "b", true], tags: { zone: "a:b", bare: "" } });
    expect(record?.score).toBeGreaterThanOrEqual(before);
    expect(record?.score).toBeLessThanOrEqual(Date.now() / 1000);
  });
});

test("records of many batches arrive once each, and sort in the order of their calls", async () => {
  const calls = 10_000;
  const answers = new Set<Promise<boolean>>();
  for (let call = 0; call < calls; call++) answers.add(client.gauge("g", call, { timestamp: 1 }));
  expect(answers.size).toBeLessThan(calls / 100);
  expect(await Promise.all(answers)).not.toContain(false);
  const values = (await server.broker.records()).map(({ json }) => (json as { value: number }).value);
  expect(values).toEqual(Array.from({ length: calls }, (_, call) => call));
});

test("a call that can't be stored answers false, throws nothing, and leaves the others alone", async () => {
  const wrong = client as unknown as Record<"count" | "set", (...args: unknown[]) => Promise<boolean>>;
  const throwing = {
    get tag(): string {
      throw new Error("not to be seen");
    },
  };
  const calls = [
    wrong.count("m", Number.NaN),
    wrong.count("m", "1"),
    wrong.count("m", 1n),
    wrong.count("", 1),
    wrong.count(undefined, 1),
    wrong.count("m", 1, { timestamp: Number.POSITIVE_INFINITY }),
    wrong.count("m", 1, { timestamp: new Date(Number.NaN) }),
    wrong.count("m", 1, { tags: throwing }),
    wrong.set("m", null),
    wrong.set("m", [Number.NaN]),
  ];
  expect(await Promise.all(calls)).toEqual(calls.map(() => false));
  expect(await client.count("m", 1)).toBe(true);
  expect(await server.broker.size()).toBe(1);
});

test("without a broker a call answers false, and its record is stored when there is one", async () => {
  const early = new ChouetteClient({ port: CLOSED_PORT, answerTimeoutMs: 50 });
  expect(await early.count("m", 1, { timestamp: 5 })).toBe(false);
  await early.close({ timeoutMs: 50 });

  const patient = new ChouetteClient({ url: server.redis.url, answerTimeoutMs: 50 });
  await server.redis.kill();
  expect(await patient.count("m", 1, { timestamp: 5 })).toBe(false);
  await server.redis.restart();
  await until("the record to arrive", async () => (await server.broker.size()) === 1);
  expect((await server.broker.records())[0]?.score).toBe(5);
  await patient.close();
});

test("beyond the buffer's bounds the oldest go, and answer false", async () => {
  const small = new ChouetteClient({ port: CLOSED_PORT, bufferRecords: 1_000, answerTimeoutMs: 60_000 });
  const first = small.count("m", 1, { timestamp: 1 });
  for (let call = 0; call < 1_000; call++) small.count("m", 1, { timestamp: 1 });
  expect(await first).toBe(false);
  await small.close({ timeoutMs: 1 });
});

test("after its end a client refuses", async () => {
  await client.close();
  expect(await client.count("m", 1)).toBe(false);
});
