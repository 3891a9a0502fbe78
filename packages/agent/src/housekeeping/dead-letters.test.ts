import { queueNames } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds, seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import { until } from "../../../../tests/support/until.js";
import { systemClock } from "../runtime/clock.js";
import { Outage } from "../runtime/outage.js";
import { DeadLetters, maxDeadLetterBytes } from "./dead-letters.js";
import { runHousekeeping } from "./housekeeping.js";

const QUEUE = "chouette:rejected";
const NOW = 1_000_000;
const NO_LIMIT = Number.POSITIVE_INFINITY;
const clock = { ...systemClock, now: () => milliseconds(NOW * 1000) };

function records(count: number, { from = 0, age = 99, bytes = 2 } = {}) {
  return Array.from({ length: count }, (_, n) => ({
    score: NOW - age + (from + n) / 1e6,
    id: `${from + n}`,
    value: "x".repeat(bytes),
  }));
}

async function ids(store: MemoryStore): Promise<readonly number[]> {
  return (await store.read(QUEUE, { limit: 100_000 })).map(({ id }) => Number(id));
}

describe("the dead-letter queue", () => {
  it("keeps the youngest up to its number and its age, and counts what leaves", async () => {
    const store = new MemoryStore();
    await store.append(QUEUE, records(20, { age: 101 }));
    await store.append(QUEUE, records(12_000, { from: 20 }));
    await new DeadLetters(store, QUEUE, clock).bound({
      maxRecords: 500,
      maxBytes: NO_LIMIT,
      ttl: seconds(100),
    });
    expect(await ids(store)).toEqual(Array.from({ length: 500 }, (_, n) => 11_520 + n));
    const counters = await store.counters();
    expect(counters.get(`${QUEUE}:expired`)).toBe(20);
    expect(counters.get(`${QUEUE}:evicted`)).toBe(11_500);
  });

  it("keeps no more bytes than its limit, as more come and others take some out", async () => {
    const store = new MemoryStore();
    const letters = new DeadLetters(store, QUEUE, clock);
    const limits = { maxRecords: 10_000, maxBytes: 1_000_000, ttl: seconds(100) };
    await store.append(QUEUE, records(30, { bytes: 100_000 }));
    await letters.bound(limits);
    expect(await ids(store)).toEqual(Array.from({ length: 10 }, (_, n) => 20 + n));
    await store.append(QUEUE, records(4, { from: 30, bytes: 50_000 }));
    await letters.bound(limits);
    expect(await ids(store)).toEqual([22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33]);
    // Put back by a person: nothing else has to leave for it.
    await store.settle({ remove: [{ queue: QUEUE, records: records(5, { from: 22 }) }] });
    await store.append(QUEUE, records(5, { from: 34, bytes: 100_000 }));
    await letters.bound(limits);
    expect(await ids(store)).toEqual([27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38]);
    expect((await store.counters()).get(`${QUEUE}:evicted`)).toBe(22);
  });

  it("keeps none for a time that doesn't come, and none goes because the clock isn't set", async () => {
    const store = new MemoryStore();
    const time = { now: 1_800_000_000, monotonic: 0 };
    const { now, ...times } = { now: time.now, later: time.now + 101, never: 2e10 };
    for (const [id, score] of [
      ...Object.entries({ now, ...times }),
      ["inf", Number.POSITIVE_INFINITY],
    ] as const)
      await store.append(QUEUE, [{ score, id, value: "{}" }]);
    const letters = new DeadLetters(store, QUEUE, {
      ...systemClock,
      now: () => milliseconds(time.now * 1000),
      monotonic: () => milliseconds(time.monotonic * 1000),
    });
    const left = async () => {
      await letters.bound({ maxRecords: 10, maxBytes: NO_LIMIT, ttl: seconds(100) });
      return (await store.read(QUEUE, { limit: 10 })).map(({ id }) => id);
    };
    expect(await left()).toEqual(["now", "later"]);
    time.monotonic = 600;
    time.now = 1_000;
    expect(await left()).toEqual(["now", "later"]);
    time.now = now;
    expect(await left()).toEqual(["now"]);
    expect((await store.counters()).get(`${QUEUE}:expired`)).toBe(3);
  });

  it("takes an eighth of a small store, and 64 MiB of a large one", () => {
    expect(maxDeadLetterBytes(12_000_000)).toBe(1_500_000);
    expect(maxDeadLetterBytes(4e9)).toBe(64 * 1024 * 1024);
    expect(maxDeadLetterBytes(undefined)).toBe(64 * 1024 * 1024);
  });
});

it("shards share the limit of dead letters, however many there are by then", async () => {
  const store = new MemoryStore();
  const queues = queueNames();
  const manual = new ManualClock(NOW * 1000);
  const outage = new Outage("any", manual, {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: () => {},
  });
  const ending = new AbortController();
  let shards = 2;
  await store.append(queues.rejected, records(9));
  const running = runHousekeeping(
    {
      ...{ store, queues, clock: manual, maxBytes: undefined, server: undefined },
      limits: { maxRecords: 10, ttl: seconds(1_000) },
      shares: () => shards,
      outages: { store: outage, own: outage },
    },
    ending.signal,
  );
  await until("the share of two", async () => (await store.size(queues.rejected)) === 5);
  shards = 4;
  await manual.advance(60_000);
  await until("the share of four", async () => (await store.size(queues.rejected)) === 3);
  ending.abort();
  await running;
});
