import { MemoryStore } from "@chouette-iot/queue/memory";
import { type Milliseconds, milliseconds, seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import type { WireMeter } from "../outputs/wire-meter.js";
import { systemClock } from "../runtime/clock.js";
import { ByteBudget } from "./byte-budget.js";
import { readRecentBodyBytes, readRecentWireUse, SENT_BYTES_STATE, SentBytes } from "./sent-bytes.js";
import { WIRE_STATE } from "./wire-counts.js";

const DAY = 86_400_000;

function setUp() {
  const store = new MemoryStore();
  let time = Date.parse("2026-01-01T12:00:00Z");
  const clock = { ...systemClock, now: (): Milliseconds => milliseconds(time) };
  return {
    store,
    clock,
    pass: (duration: number) => {
      time += duration;
    },
    state: async () => {
      const state = await store.stateWithPrefix(SENT_BYTES_STATE);
      return Object.fromEntries([...state].map(([key, text]) => [key.slice(SENT_BYTES_STATE.length), text]));
    },
  };
}

describe("the count of sent bytes", () => {
  it("is kept by day and by month, and goes on after a restart", async () => {
    const { store, clock, pass, state } = setUp();
    for (const bytes of [100, 20, 3]) {
      const sent = new SentBytes(store, clock);
      await sent.load();
      await store.settle({ state: sent.add(bytes) });
    }
    pass(DAY);
    const sent = new SentBytes(store, clock);
    await sent.load();
    expect(sent.today()).toBe(0);
    await store.settle({ state: sent.add(7) });
    expect(await state()).toEqual({ "2026-01": "130", "2026-01-01": "123", "2026-01-02": "7" });
  });

  it("takes what a settlement that failed had to say into the next", async () => {
    const { store, clock, state } = setUp();
    const sent = new SentBytes(store, clock);
    await sent.load();
    sent.add(100);
    await store.settle({ state: sent.add(1) });
    expect(await state()).toEqual({ "2026-01": "101", "2026-01-01": "101" });
  });

  it("is read from the store once, and then holds what isn't settled yet", async () => {
    const { store, clock } = setUp();
    const sent = new SentBytes(store, clock);
    await sent.load();
    sent.add(100);
    await store.settle({ state: new Map([[`${SENT_BYTES_STATE}2026-01-01`, "7"]]) });
    await sent.load();
    expect(sent.today()).toBe(100);
  });

  it("changes the state of bodies and of the wire only if there is something to count", async () => {
    const { store, clock } = setUp();
    let wire = new Map<string, { sent: number; received: number }>();
    const sent = new SentBytes(store, clock, { take: () => wire } as unknown as WireMeter);
    await sent.load();
    const keys = (bytes: number) => [...sent.add(bytes).keys()].sort();
    const bodies = [`${SENT_BYTES_STATE}2026-01`, `${SENT_BYTES_STATE}2026-01-01`];
    expect(keys(0)).toEqual([]);
    expect(keys(5)).toEqual(bodies);
    wire = new Map([["host logs", { sent: 1, received: 1 }]]);
    expect(keys(0)).toEqual([...bodies, `${WIRE_STATE}2026-01`, `${WIRE_STATE}2026-01-01`]);
  });

  it("is what others read from the store: zero before anything is sent, or if it is unreadable", async () => {
    const { store, clock, pass } = setUp();
    const read = async () => [await readRecentBodyBytes(store, clock), await readRecentWireUse(store, clock)];
    const nothing = [
      { today: 0, month: 0 },
      { today: [], month: [] },
    ];
    expect(await read()).toEqual(nothing);
    const wire = new Map([["api.datadoghq.com logs", { sent: 20, received: 3 }]]);
    const sent = new SentBytes(store, clock, { take: () => wire } as unknown as WireMeter);
    await store.settle({ state: sent.add(5) });
    pass(DAY);
    await store.settle({ state: sent.add(6) });
    const use = { destination: "api.datadoghq.com", purpose: "logs" };
    expect(await read()).toEqual([
      { today: 6, month: 11 },
      { today: [{ ...use, sent: 20, received: 3 }], month: [{ ...use, sent: 40, received: 6 }] },
    ]);
    const keys = [SENT_BYTES_STATE, WIRE_STATE].flatMap((prefix) => [
      `${prefix}2026-01-02`,
      `${prefix}2026-01`,
    ]);
    await store.settle({ state: new Map(keys.map((key) => [key, "unreadable"])) });
    expect(await read()).toEqual(nothing);
    const restarted = new SentBytes(store, clock);
    await restarted.load();
    expect([restarted.today(), restarted.month()]).toEqual([0, 0]);
    expect(restarted.add(1).get(`${SENT_BYTES_STATE}2026-01`)).toBe("1");
  });

  it("forgets days after a month and months after a year", async () => {
    const { store, clock, pass, state } = setUp();
    const sent = new SentBytes(store, clock);
    await sent.load();
    for (let day = 0; day < 800; day++) {
      await store.settle({ state: sent.add(1) });
      pass(DAY);
    }
    const periods = Object.keys(await state());
    expect(periods.filter((period) => period.length === 10)).toHaveLength(31);
    expect(periods.filter((period) => period.length === 7)).toHaveLength(12);
    expect(periods).toContain("2028-03-10");
  });
});

describe("the day's byte budget", () => {
  const log = (level: unknown) => ({ ddtags: [], message: "", level });
  const metric = (name: string) => ({
    metric: name,
    type: "gauge" as const,
    tags: [],
    points: [[seconds(1), 1]] as const,
  });
  const subjects = [
    "INFO",
    "debug",
    "WARNING",
    "ERROR",
    undefined,
    "Chouette.host.la",
    "chouette.queued",
    "ups.load",
    "app.rpm",
  ];
  /** A collector of the user's own may name its metrics anything. */
  const idOf = (name: string) => (name === "ups.load" ? "collect.1a2b3c4d.7" : "1700000000.0.7");

  function admitted(budget: ByteBudget): readonly unknown[] {
    const logs = budget.logs();
    const metrics = budget.metrics();
    return subjects.filter((subject) => {
      if (subject?.includes("."))
        return typeof metrics === "boolean" ? metrics : metrics(metric(subject), idOf(subject));
      return typeof logs === "boolean" ? logs : logs(log(subject), "id");
    });
  }

  it.each([
    [69, subjects],
    [70, ["WARNING", "ERROR", undefined, "Chouette.host.la", "chouette.queued", "ups.load", "app.rpm"]],
    [80, ["Chouette.host.la", "chouette.queued", "ups.load", "app.rpm"]],
    [90, ["app.rpm"]],
    [500, ["app.rpm"]],
  ])("at %i %% admits %j", async (used, expected) => {
    const { store, clock, pass } = setUp();
    const sent = new SentBytes(store, clock);
    await sent.load();
    sent.add(10 * used);
    const budget = new ByteBudget({ perDay: 1000, perMonth: undefined }, sent);
    expect(admitted(budget)).toEqual(expected);
    pass(DAY);
    expect(admitted(budget)).toEqual(subjects);
  });

  it.each([
    [699, { lowPriorityLogs: 0, logs: 0, collected: 0 }],
    [700, { lowPriorityLogs: 5, logs: 0, collected: 0 }],
    [800, { lowPriorityLogs: 0, logs: 5, collected: 0 }],
    [900, { lowPriorityLogs: 0, logs: 5, collected: 7 }],
  ])("after %i bytes of 1,000 reports what waits: %j", (used, expected) => {
    const { store, clock } = setUp();
    const sent = new SentBytes(store, clock);
    sent.add(used);
    const budget = new ByteBudget({ perDay: undefined, perMonth: 1_000 }, sent);
    expect(budget.deferred({ metrics: 7, logs: 5 })).toEqual(expected);
  });

  it("holds for the month as well, and for what was on the wire both ways", async () => {
    const { store, clock, pass } = setUp();
    const wire = new Map([["api.datadoghq.com metrics", { sent: 600, received: 200 }]]);
    const meter = { take: () => wire } as unknown as WireMeter;
    const sent = new SentBytes(store, clock, meter);
    await sent.load();
    await store.settle({ state: sent.add(100) });
    pass(DAY);
    const restarted = new SentBytes(store, clock);
    await restarted.load();
    expect([restarted.today(), restarted.month()]).toEqual([0, 800]);
    const budget = new ByteBudget({ perDay: 1000, perMonth: 1000 }, restarted);
    expect(budget.logs()).toBe(false);
    pass(31 * DAY);
    expect(admitted(budget)).toEqual(subjects);
  });

  it("admits everything where there is none", async () => {
    const { store, clock } = setUp();
    const sent = new SentBytes(store, clock);
    sent.add(1e12);
    expect(admitted(new ByteBudget({ perDay: undefined, perMonth: undefined }, sent))).toEqual(subjects);
  });
});
