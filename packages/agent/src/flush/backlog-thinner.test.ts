import { counterName, queueNames, type ReadOptions, type Settlement, type Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { type ReadyMetric, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { faultyStore, type StoreFault } from "../../../../tests/support/faulty-store.js";
import { setUpFlush } from "../../../../tests/support/flushing.js";
import { attemptedOutput } from "../dispatch/attempted-output.js";
import { Dispatcher } from "../dispatch/dispatcher.js";
import { readyDecoder } from "../dispatch/ready-decoder.js";
import { SentBytes } from "../dispatch/sent-bytes.js";
import type { Outcome, Output } from "../outputs/output.js";
import { AttemptedTimes } from "../runtime/attempted-times.js";
import { Windows } from "../runtime/windows.js";
import { BacklogThinner, type Thinning } from "./backlog-thinner.js";
import { WindowStates } from "./window-states.js";

const queues = queueNames();
/** On a whole hour. */
const BEGIN = 1_800_000;
const RESOLUTIONS = [
  { age: 100, step: 60 },
  { age: 400, step: 300 },
];
const always = <T>(step: () => Promise<T>) => step();

function thinning(changed: Partial<Thinning> = {}): Thinning {
  return { resolutions: RESOLUTIONS, attempted: new AttemptedTimes(), whileUnused: always, ...changed };
}

/** A flusher that thins, since a time before {@link BEGIN}. */
async function setUp({
  store = new MemoryStore(),
  ...changed
}: Partial<Thinning> & { readonly store?: Store } = {}) {
  const flush = setUpFlush({ store, thinning: thinning(changed) });
  const flusher = flush.newFlusher();
  await flush.flushAt(BEGIN - 100, flusher);
  const record = (type: string, value: number, at: number) =>
    flush.put({ metric: `the.${type}`, type, value, timestamp: BEGIN + at, tags: {} });
  return {
    ...{ ...flush, store, record },
    flushAfter: (time: number, by = flusher) => flush.flushAt(BEGIN + time, by),
    points: async () =>
      (await flush.ready()).map(({ metric, points: [[at, value] = [seconds(0), 0]], interval }) => [
        ...[metric.slice(4), at - BEGIN, value, interval],
      ]),
  };
}

/** A value in each of the windows of so many seconds, each flushed as it closes. */
async function liveThrough(
  { record, flushAfter }: Awaited<ReturnType<typeof setUp>>,
  until: number,
  types: readonly string[] = ["count"],
) {
  for (let at = 0; at < until; at += 10) {
    for (const type of types) await record(type, at + 1, at + 1);
    await flushAfter(at + 12);
  }
}

describe("the backlog", () => {
  it("has a coarser resolution as it gets older, and its counts add up", async () => {
    const device = await setUp();
    await liveThrough(device, 600);
    await device.flushAfter(700);
    expect(await device.points()).toEqual([
      ["count", 0, sum(0, 300), 300],
      ["count", 300, sum(300, 360), 60],
      ["count", 360, sum(360, 420), 60],
      ["count", 420, sum(420, 480), 60],
      ["count", 480, sum(480, 540), 60],
      ["count", 540, sum(540, 600), 60],
    ]);
    const counters = await device.store.counters();
    expect(counters.get(counterName(queues.readyMetrics, "accepted"))).toBe(60);
    expect(counters.get(counterName(queues.readyMetrics, "thinned"))).toBe(54);
    expect(await device.store.size(queues.readyMetrics)).toBe(6);
  });

  it("isn't read before something is old enough, nor again for what was thinned", async () => {
    let reads = 0;
    const store = faultyStore(new MemoryStore(), (method) => {
      if (method === "read") reads += 1;
      return undefined;
    });
    const device = await setUp({ store, resolutions: [{ age: 100, step: 60 }] });
    await device.record("count", 1, 0);
    await device.flushAfter(45);
    const readsOf = async (time: number) => {
      reads = 0;
      await device.flushAfter(time);
      return reads;
    };
    const idle = await readsOf(55);
    expect(await readsOf(95)).toBe(idle);
    expect(await readsOf(161)).toBeGreaterThan(idle);
    expect(await readsOf(171)).toBe(idle);
  });

  it("keeps a late count beside the point that its window is in", async () => {
    const device = await setUp();
    await liveThrough(device, 60);
    await device.flushAfter(170);
    await device.record("count", 1000, 5);
    await device.flushAfter(180);
    expect(await device.points()).toEqual([
      ["count", 0, sum(0, 60), 60],
      ["count", 1, 1000, 10],
    ]);
  });

  it("leaves the last second of a window alone, which is sent again whole", async () => {
    const device = await setUp();
    for (let part = 0; part < 12; part++) {
      await device.record("count", 1, 5);
      await device.flushAfter(13 + part);
    }
    await device.flushAfter(170);
    await device.record("count", 1, 5);
    await device.flushAfter(180);
    expect(await device.points()).toEqual([
      ["count", 0, 9, 60],
      ["count", 9, 4, 10],
    ]);
  });

  it("keeps its counts as they are if they may be at Datadog, and thins its gauges all the same", async () => {
    const attempted = new AttemptedTimes();
    const device = await setUp({ attempted });
    await liveThrough(device, 60, ["count", "gauge"]);
    attempted.add(BEGIN + 10, BEGIN + 30);
    await device.flushAfter(170);
    expect(await device.points()).toEqual([
      ["count", 0, 1 + 41 + 51, 60],
      ["count", 10, 11, 10],
      ["count", 20, 21, 10],
      ["count", 30, 31, 10],
      ["gauge", 50, 51, undefined],
    ]);
  });

  it("keeps counts as they are that were there when the agent started, or when it read its state again", async () => {
    const device = await setUp();
    await liveThrough(device, 30);
    // By a clock that was ahead.
    await device.record("count", 5, 65);
    await device.flushAfter(85);
    const restarted = device.newFlusher({ thinning: thinning() });
    await device.flushAfter(32, restarted);
    for (const at of [30, 40, 50]) await device.record("count", at + 1, at + 1);
    for (const at of [80, 90]) await device.record("count", at + 1, at + 1);
    await device.flushAfter(62, restarted);
    await device.flushAfter(300, restarted);
    expect((await device.points()).filter(([, , , interval]) => interval === 60)).toEqual([
      ["count", 80, 81 + 91, 60],
    ]);
  });

  it("leaves alone what other agents and programs made", async () => {
    const device = await setUp();
    const value = (at: number) =>
      JSON.stringify({
        metric: "the.count",
        type: "count",
        tags: [],
        points: [[BEGIN + at, 1]],
        interval: 10,
      });
    const put = (id: string, at: number) =>
      device.store.append(queues.readyMetrics, [{ id, score: BEGIN + at, value: value(at) }]);
    for (const at of [0, 10]) {
      await put(`of-python-${at}`, at);
      await put(`${BEGIN + at}.0.000000@abcdefgh`, at);
      await put(`collect.ab12.${at}`, at);
    }
    await device.flushAfter(170);
    const left = await device.store.read(queues.readyMetrics, { limit: 10 });
    expect(left.map(({ id }) => id)).toEqual([
      ...[`${BEGIN}.0.000000@abcdefgh`, "collect.ab12.0", "of-python-0"],
      ...[`${BEGIN + 10}.0.000000@abcdefgh`, "of-python-10"],
    ]);
  });

  it("waits while the ready metrics are sent or moved", async () => {
    let isUsed = true;
    const whileUnused: Thinning["whileUnused"] = async (step) => (isUsed ? undefined : step());
    const device = await setUp({ whileUnused });
    await liveThrough(device, 60);
    await device.flushAfter(170);
    expect(await device.points()).toHaveLength(6);
    isUsed = false;
    await device.flushAfter(180);
    expect(await device.points()).toHaveLength(1);
  });

  it("is thinned a part at a time if it is long, and then from where it was left", async () => {
    const perBucket = 12_000;
    const record = (index: number) => ({
      score: BEGIN + 60 * Math.floor(index / perBucket),
      id: `collect.ab.${index}`,
      value: `{"metric":"m","type":"gauge","tags":[],"points":[[${BEGIN + 60 * Math.floor(index / perBucket)},0]]}`,
    });
    let read = 0;
    let removed = 0;
    const store = new Proxy(new MemoryStore(), {
      get: (target, name) => {
        if (name === "settle")
          return async ({ remove = [] }: Settlement) => {
            removed += remove[0]?.records.length ?? 0;
          };
        if (name !== "read") return Reflect.get(target, name, target);
        return async (_: string, { after, limit, before = 0 }: ReadOptions) => {
          const last = after?.id ? Number(after.id.slice("collect.ab.".length)) : undefined;
          const first =
            last === undefined ? perBucket * Math.max(0, ((after?.score ?? 0) - BEGIN) / 60) : last + 1;
          const page = Array.from({ length: limit }, (_, index) => record(first + index));
          read += page.length;
          return page.filter(({ score }) => score < before);
        };
      },
    });
    const queue = queues.readyMetrics;
    const states = new WindowStates(store, queues.rawMetrics, new Windows(seconds(10), seconds(2)));
    const thinner = new BacklogThinner({ ...thinning(), store, queue, states });
    const thin = async (time: number) => {
      [read, removed] = [0, 0];
      await thinner.thin(seconds(BEGIN + time));
      return removed;
    };
    expect(await thin(300)).toBe(2 * (perBucket - 1));
    expect(read).toBeLessThan(2 * perBucket + 2_001);
    expect(await thin(301)).toBe(perBucket - 1);
    expect(await thin(302)).toBe(0);
  });
});

function sum(from: number, to: number): number {
  let all = 0;
  for (let at = from; at < to; at += 10) all += at + 1;
  return all;
}

/** What becomes of a batch: whether it arrives, and what the agent hears of it. */
const LINKS = ["up", "down", "answer lost", "503", "settlement lost", "settlement refused"] as const;

type Step =
  | { readonly do: "record"; readonly type: string; readonly ago: number; readonly value: number }
  | { readonly do: "pass"; readonly seconds: number }
  | { readonly do: "send"; readonly link: (typeof LINKS)[number] }
  | { readonly do: "fail"; readonly how: StoreFault; readonly skip: number }
  | { readonly do: "restart" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("record" as const),
      type: fc.constantFrom("count", "count", "gauge", "rate"),
      ago: fc.oneof(fc.constant(0), fc.nat(100)),
      value: fc.integer({ min: 1, max: 1000 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      seconds: fc.constantFrom(5, 10, 10, 10, 60, 200),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("send" as const), link: fc.constantFrom(...LINKS) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      ...{ do: fc.constant("fail" as const), how: fc.constantFrom("refused", "answer lost") },
      skip: fc.nat(3),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "restart" as const }) },
) as fc.Arbitrary<Step>;

/** An agent that thins, sends and is killed, on a store whose calls may fail, and Datadog, which keeps the last value of a second. */
class Device {
  readonly recorded = new Map<string, number>();
  readonly #kept = new Map<string, number>();
  readonly #memory = new MemoryStore();
  #fault: { how: StoreFault; skip: number } | undefined;
  readonly #store = faultyStore(this.#memory, (method) => {
    if (method !== "settle" || this.#fault === undefined || this.#fault.skip-- > 0) return undefined;
    const { how } = this.#fault;
    this.#fault = undefined;
    return how;
  });
  readonly #flush = setUpFlush({ store: this.#store });
  #now = BEGIN;
  #process = this.#start();

  async take(next: Step): Promise<void> {
    switch (next.do) {
      case "record": {
        const { type, value, ago } = next;
        this.recorded.set(type, (this.recorded.get(type) ?? 0) + value);
        await this.#flush.put({ metric: `the.${type}`, type, value, timestamp: this.#now - ago, tags: {} });
        return;
      }
      case "pass":
        this.#now += next.seconds;
        return this.#flushNow();
      case "send":
        return this.#send(next.link);
      case "fail":
        this.#fault = { how: next.how, skip: next.skip };
        return;
      case "restart":
        this.#process = this.#start();
        return;
    }
  }

  /** Everything is flushed, thinned and sent: what Datadog has then, by type. */
  async end(): Promise<ReadonlyMap<string, number>> {
    this.#fault = undefined;
    await this.take({ do: "pass", seconds: 200 });
    await this.take({ do: "pass", seconds: 700 });
    await this.#send("up");
    expect(await this.#memory.size(queues.readyMetrics)).toBe(0);
    const sums = new Map<string, number>();
    for (const [key, amount] of this.#kept) {
      const [type = ""] = key.split(" ");
      sums.set(type, (sums.get(type) ?? 0) + amount);
    }
    return sums;
  }

  async #flushNow(): Promise<void> {
    try {
      await this.#flush.flushAt(this.#now, this.#process.flusher);
    } catch {
      this.#process.flusher.forget();
    }
  }

  async #send(link: (typeof LINKS)[number]): Promise<void> {
    this.#process.link.now = link;
    await this.#process.dispatcher.dispatch().catch(() => {});
  }

  #start() {
    const attempted = new AttemptedTimes();
    const link: { now: (typeof LINKS)[number] } = { now: "up" };
    const output: Output<ReadyMetric> = {
      send: async (batch): Promise<Outcome> => {
        const down = { kind: "unavailable", reason: "down", answered: link.now === "503" } as const;
        if (link.now === "down") return { ...down, bytes: 0 };
        if (link.now === "503") return { ...down, bytes: 1 };
        for (const metric of batch) this.#keep(metric);
        if (link.now === "answer lost") return { ...down, bytes: 1 };
        if (link.now === "settlement lost") this.#fault = { how: "answer lost", skip: 0 };
        if (link.now === "settlement refused") this.#fault = { how: "refused", skip: 0 };
        return { kind: "delivered", bytes: 1 };
      },
      check: async () => ({ kind: "delivered", bytes: 0 }),
      close: async () => {},
    };
    const dispatcher = new Dispatcher<ReadyMetric>({
      ...{ store: this.#store, queue: queues.readyMetrics, rejectedQueue: queues.rejected },
      ...{ output: attemptedOutput(output, attempted), clock: this.#flush.clock, decode: readyDecoder([]) },
      ...{ sendPolicy: () => true, sentBytes: new SentBytes(this.#store, this.#flush.clock), batchSize: 10 },
      ...{ ttl: seconds(14_400), fresh: seconds(30) },
    });
    return { flusher: this.#flush.newFlusher({ thinning: thinning({ attempted }) }), dispatcher, link };
  }

  #keep({ type, interval = seconds(1), points, metric }: ReadyMetric): void {
    for (const [at, value] of points) {
      const amount = type === "rate" ? value * interval : value;
      this.#kept.set(`${metric.slice(4)} ${at}`, amount);
    }
  }
}

describe("sums at Datadog", () => {
  it("are exact, however recording, thinning, sending, failures and restarts interleave", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
        const device = new Device();
        for (const next of steps) await device.take(next);
        const arrived = await device.end();
        expect(arrived.get("count") ?? 0).toBe(device.recorded.get("count") ?? 0);
        expect(arrived.get("rate") ?? 0).toBeCloseTo(device.recorded.get("rate") ?? 0, 6);
      }),
      { numRuns: 40 },
    );
  });
});
