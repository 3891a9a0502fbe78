import { seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { newAllDeliveries } from "../status/deliveries.js";
import type { Status } from "../status/status.js";
import { headlineOf } from "./headline.js";

const ledger = (accepted: number, pending = 0) => ({
  ...{ accepted, done: { delivered: accepted - pending }, pending },
  ...{ dropped: {}, missing: 0, unknownLosses: 0 },
});
const delivery = { requests: newAllDeliveries().metrics.requests, records: 3, bytes: 9, last: seconds(90) };
const fine: Status = {
  ...{ version: "1", host: "pi", pid: 1, at: seconds(100), uptime: seconds(50), stalled: [] },
  broker: { kind: "redis" },
  output: { kind: "datadog", url: "https://api.datadoghq.com/api" },
  ready: { ok: true },
  ...{ outages: [], collectors: [] },
  deliveries: { metrics: delivery, logs: delivery, sketches: delivery, events: delivery, checks: delivery },
  queues: [{ name: "chouette:metrics:wrapped", ledger: ledger(5, 2) }],
};
const outage = (
  component: string,
  reason: string,
  state: "unavailable" | "failing" | "full" = "unavailable",
) => ({
  ...{ component, state, count: 1 },
  current: { reason, seconds: seconds(40) },
});
const full = {
  ...{ contentBytes: 1, fileBytes: 1, segments: 1, runs: 1, writtenBytes: 1 },
  full: "the disk has no room",
};

describe("the headline", () => {
  it.each<readonly [what: string, change: Partial<Status>, sentence: RegExp, since: number | undefined]>([
    ["delivering", {}, /^Delivering to Datadog$/, 90],
    ["a link that is down", { outages: [outage("Datadog", "ETIMEDOUT")] }, /^Datadog is unavailable$/, 60],
    [
      "a refused key",
      { outages: [outage("Datadog", "HTTP 403: Forbidden")] },
      /^Datadog refuses the API key$/,
      60,
    ],
    [
      "a proxy's 4031 is no refused key",
      { outages: [outage("Datadog", "HTTP 4031")] },
      /is unavailable$/,
      60,
    ],
    [
      "a store that is down",
      { queues: undefined as never, outages: [outage("store", "ECONNREFUSED")] },
      /^Redis is unavailable$/,
      60,
    ],
    [
      "a full disk",
      { broker: { kind: "embedded", disk: full }, outages: [outage("Datadog", "x")] },
      /^The disk is full/,
      undefined,
    ],
    [
      "a full store",
      { outages: [outage("Datadog", "x"), outage("embedded store", "limit", "full")] },
      /^The store is full/,
      60,
    ],
    [
      "a hung loop",
      { stalled: ["flush has hung"], outages: [outage("Datadog", "x")] },
      /^A part of the agent has hung/,
      undefined,
    ],
    [
      "a failing collector",
      { outages: [outage("collector docker", "no socket", "failing")] },
      /^Collector docker is failing$/,
      60,
    ],
    [
      "records that wait",
      { ready: { ok: false, reason: "old" } },
      /^Records are waiting too long$/,
      undefined,
    ],
    [
      "a budget that is used up, which is why they wait",
      {
        ready: { ok: false, reason: "old" },
        budget: { bytesPerDay: 1, deferred: { lowPriorityLogs: 0, logs: 4, collectedMetrics: 0 } },
      },
      /^Delivering; the day's byte budget/,
      undefined,
    ],
    [
      "a fresh agent",
      { queues: [{ name: "q", ledger: ledger(0) }] },
      /^Waiting for the first record$/,
      undefined,
    ],
  ])("is about %s", (_, change, sentence, since) => {
    const headline = headlineOf({ ...fine, ...change });
    expect(headline.sentence).toMatch(sentence);
    expect(headline.since).toBe(since);
    expect(headline.verdict === "ok" || headline.advice !== undefined).toBe(true);
  });

  it("has the beginning of an outage as it was recorded, whenever it is read", () => {
    const recorded = { component: "Datadog", state: "unavailable", from: seconds(61) } as const;
    const down = { ...fine, outages: [outage("Datadog", "ETIMEDOUT")] };
    expect(headlineOf(down, [{ ...recorded, from: seconds(3), to: seconds(9) }, recorded]).since).toBe(61);
  });

  it("says how many records wait while the link is down", () => {
    const { advice, detail } = headlineOf({ ...fine, outages: [outage("Datadog", "ETIMEDOUT")] });
    expect([detail, advice]).toEqual(["ETIMEDOUT", expect.stringContaining("2 records wait, and are sent")]);
  });
});
