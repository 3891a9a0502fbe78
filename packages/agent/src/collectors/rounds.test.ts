import { type Milliseconds, milliseconds, type ReadyMetric } from "@chouette-iot/record";
import { afterEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import type { CollectedMetric, Collector } from "./collector.js";
import { type Rounds, startCollectors } from "./rounds.js";

const INTERVAL = milliseconds(30_000);
const DEADLINE = milliseconds(10_000);
/** Seven seconds before a round. */
const START = 1_700_000_003_000;

const started: { readonly rounds: Rounds; readonly clock: ManualClock }[] = [];
afterEach(async () => {
  for (const { rounds, clock } of started.splice(0)) {
    const stopped = rounds.stop();
    await clock.advance(2 * DEADLINE);
    await stopped;
  }
});

interface Said {
  readonly level: "info" | "warn";
  readonly message: string;
  readonly fields: unknown;
}

function setUp(collectors: readonly Collector[], interval: Milliseconds = INTERVAL) {
  const clock = new ManualClock(START);
  const said: Said[] = [];
  const delivered: ReadyMetric[] = [];
  const say = (level: Said["level"]) => (fields: unknown, message?: string) => {
    said.push({ level, fields, message: message ?? "" });
  };
  const log = { debug: () => {}, error: () => {}, info: say("info"), warn: say("warn") };
  const queue = { isDown: false };
  const deliver = async (ready: readonly ReadyMetric[]) => {
    if (queue.isDown) throw new Error("the queue is down");
    delivered.push(...ready);
  };
  const rounds = startCollectors({ collectors, interval, deadline: DEADLINE, clock, log, deliver });
  started.push({ rounds, clock });
  const statusOf = (name: string) => rounds.status().find((status) => status.name === name);
  return { clock, said, delivered, rounds, queue, statusOf };
}

function collector(name: string, collect: Collector["collect"]): Collector {
  return { name, collect };
}

function gauge(name: string, value: number): CollectedMetric {
  return { name, type: "gauge", value };
}

const sound = collector("sound", () => [gauge("a.sound", 1)]);

describe("rounds of collectors", () => {
  it("begin at whole multiples of the interval, and stamp what they get with that second", async () => {
    const { clock, delivered } = setUp([sound]);
    await clock.advance(6_999);
    expect(delivered).toEqual([]);
    await clock.advance(60_100);
    expect(delivered.map(({ points }) => points)).toEqual([
      [[1_700_000_010, 1]],
      [[1_700_000_040, 1]],
      [[1_700_000_070, 1]],
    ]);
  });

  it("go on when the device's clock is set back or forth", async () => {
    const { clock, delivered } = setUp([sound]);
    await clock.advance(10_000);
    clock.jump(-3_600_000);
    await clock.advance(60_000);
    clock.jump(86_400_000);
    await clock.advance(60_000);
    expect(delivered).toHaveLength(5);
    expect(delivered.every(({ points }) => Number.isInteger(points[0]?.[0]))).toBe(true);
  });

  it("take a value of 0 for a value, and keep tags and types", async () => {
    const zero: CollectedMetric = { name: "a.zero", type: "count", value: 0, tags: { b: "2", a: "1" } };
    const { clock, delivered } = setUp([collector("zero", () => [zero])]);
    await clock.advance(10_000);
    expect(delivered).toEqual([
      { metric: "a.zero", type: "count", tags: ["a:1", "b:2"], points: [[1_700_000_010, 0]], interval: 30 },
    ]);
  });

  it("run each collector alone: one that throws, hangs or gives rubbish costs its own metrics only", async () => {
    const throwing = collector("throwing", () => {
      throw new Error("no such source");
    });
    const hanging = collector("hanging", () => new Promise(() => {}));
    const rubbish = collector("rubbish", () => "rubbish" as never);
    const { clock, delivered, statusOf } = setUp([throwing, hanging, rubbish, sound]);
    await clock.advance(100_000);
    expect(delivered.map(({ metric, points }) => [metric, points[0]?.[0]])).toEqual([
      ["a.sound", 1_700_000_010],
      ["a.sound", 1_700_000_040],
      ["a.sound", 1_700_000_070],
      ["a.sound", 1_700_000_100],
    ]);
    expect(statusOf("throwing")).toMatchObject({
      consecutiveFailures: 4,
      lastError: { at: 1_700_000_100_001, message: "no such source" },
    });
    expect(statusOf("hanging")?.consecutiveFailures).toBe(4);
    expect(statusOf("rubbish")).toMatchObject({ refused: 4, lastMetrics: 0 });
    expect(statusOf("sound")).toMatchObject({
      consecutiveFailures: 0,
      lastMetrics: 1,
      lastSuccess: 1_700_000_100_001,
    });
  });

  it("report a failing collector once when it begins and once when it recovers", async () => {
    let isBroken = false;
    const flaky = collector("flaky", () => {
      if (isBroken) throw new Error("broken");
      return [];
    });
    const { clock, said } = setUp([flaky]);
    await clock.advance(10_000);
    isBroken = true;
    await clock.advance(90_000);
    isBroken = false;
    await clock.advance(60_000);
    expect(said).toEqual([
      {
        level: "warn",
        message: "collector flaky failed: broken",
        fields: { component: "collector flaky", reason: "broken" },
      },
      {
        level: "info",
        message: "collector flaky recovered after 90 s",
        fields: { component: "collector flaky", seconds: 90 },
      },
    ]);
  });

  it("deliver what was sound of an answer, and count what was not", async () => {
    const mixed = [
      gauge("a.good", 1),
      gauge("a.bad", Number.NaN),
      gauge("", 1),
      { name: "a.typed", type: "histogram", value: 1 },
      { name: "a.tagged", type: "gauge", value: 1, tags: { a: 1 } },
      null,
    ] as readonly CollectedMetric[];
    const { clock, delivered, statusOf } = setUp([collector("mixed", () => mixed)]);
    await clock.advance(10_000);
    expect(delivered.map(({ metric }) => metric)).toEqual(["a.good"]);
    expect(statusOf("mixed")).toMatchObject({
      refused: 5,
      lastError: { message: "returned a.bad with value NaN (5 problems)" },
    });
  });

  it("deliver what could be read where the collector reports that some could not", async () => {
    const partial = collector("partial", ({ report }) => {
      report("one half is missing");
      return [gauge("a.half", 0.5)];
    });
    const { clock, delivered, statusOf } = setUp([partial]);
    await clock.advance(10_000);
    expect(delivered).toHaveLength(1);
    expect(statusOf("partial")).toMatchObject({
      consecutiveFailures: 1,
      lastError: { message: "one half is missing" },
    });
  });

  it("abort a collector at its deadline, discard what it gives after that, and never run two rounds of it at once", async () => {
    let running = 0;
    let most = 0;
    let aborted = 0;
    let release = () => {};
    const slow = collector("slow", async ({ signal }) => {
      running += 1;
      most = Math.max(most, running);
      signal.addEventListener("abort", () => {
        aborted += 1;
      });
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      running -= 1;
      return [gauge("a.late", 1)];
    });
    const { clock, delivered, statusOf } = setUp([slow]);
    await clock.advance(10_000);
    expect(aborted).toBe(0);
    await clock.advance(70_000);
    expect([most, aborted]).toEqual([1, 1]);
    expect(statusOf("slow")).toMatchObject({ consecutiveFailures: 3 });
    release();
    await clock.advance(22_000);
    release();
    await clock.advance(1);
    expect([most, delivered.length]).toEqual([1, 1]);
    expect(statusOf("slow")?.consecutiveFailures).toBe(0);
  });

  it("count what the queue did not take, and go on when it takes again", async () => {
    const { clock, delivered, said, queue, statusOf } = setUp([sound]);
    queue.isDown = true;
    await clock.advance(70_000);
    queue.isDown = false;
    await clock.advance(30_000);
    expect(delivered).toHaveLength(1);
    expect(statusOf("sound")).toMatchObject({ undelivered: 3, consecutiveFailures: 0 });
    expect(said.map(({ message }) => message)).toEqual([
      "delivery of collected metrics is unavailable: the queue is down; retrying",
      "delivery of collected metrics recovered after 90 s",
    ]);
  });

  it("end when stopped: what is under way is aborted, and each collector is closed", async () => {
    const closed: string[] = [];
    const waiting: Collector = {
      name: "waiting",
      collect: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      close: () => {
        closed.push("waiting");
      },
    };
    const stubborn: Collector = {
      name: "stubborn",
      collect: () => [],
      close: () => new Promise(() => {}),
    };
    const { clock, rounds, said } = setUp([waiting, stubborn]);
    await clock.advance(8_000);
    let isStopped = false;
    rounds.stop().then(() => {
      isStopped = true;
    });
    await clock.advance(1_999);
    expect([closed, isStopped]).toEqual([["waiting"], false]);
    await clock.advance(2_000);
    expect(isStopped).toBe(true);
    expect(said.map(({ message }) => message)).toEqual(["collector stubborn failed: did not close in time"]);
  });
});
