import { seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { History, sampleOf, toSample } from "./history.js";

const flat = (value: number) => toSample(() => value);
const START = 1_800_000_000;

describe("the history", () => {
  it("has an hour in steps of ten seconds and a day in steps of five minutes, with their peaks, and no more", () => {
    const history = new History();
    const end = START + 3 * 86_400;
    for (let at = START; at <= end; at += 10) history.add({ at: seconds(at), sample: flat(at % 300) });
    const hour = history.hour(seconds(end));
    expect([hour.length, hour[0]?.at, hour.at(-1)?.at]).toEqual([360, end - 3_590, end]);
    const day = history.day(seconds(end));
    expect([day.length, day[0]?.at, day.at(-1)?.at]).toEqual([288, end - 86_400 + 300, end]);
    expect(new Set(day.slice(0, -1).map(({ sample }) => sample.rawPending))).toEqual(new Set([290]));
  });

  it("has a gap where nothing is known", () => {
    const history = new History();
    history.add({ at: seconds(START), sample: flat(Number.NaN) });
    history.add({ at: seconds(START + 300), sample: flat(2) });
    const values = history.day(seconds(START + 300)).map(({ sample }) => sample.logsAge);
    expect(values).toEqual([Number.NaN, 2]);
  });

  it("stays in order and shows nothing of the future after the clock was set back", () => {
    const history = new History();
    for (const at of [START + 7_200, START + 7_210, START, START + 10])
      history.add({ at: seconds(at), sample: flat(at) });
    expect(history.hour(seconds(START + 10)).map(({ at }) => at - START)).toEqual([0, 10]);
    expect(history.hour(seconds(START + 7_210)).length).toBeGreaterThan(0);
  });

  it("has rates between two readings, which are unknown without the first", () => {
    const status = (accepted: number, delivered: number) => ({
      queues: [
        { name: "chouette:metrics:raw", ledger: ledger(accepted, 0) },
        { name: "chouette:metrics:wrapped", ledger: ledger(9, delivered), oldestAge: seconds(4) },
      ],
      sent: { today: 5, month: 6 },
    });
    const sample = sampleOf(status(30, 8), status(10, 3), seconds(10));
    expect(sample).toMatchObject({
      metricsIn: 2,
      metricsOut: 0.5,
      metricsAge: 4,
      bytesMonth: 6,
      logsIn: Number.NaN,
    });
    expect(sampleOf(status(30, 8), undefined, seconds(0)).metricsIn).toBeNaN();
    expect(sampleOf({}, status(10, 3), seconds(10)).rawPending).toBeNaN();
  });
});

function ledger(accepted: number, delivered: number) {
  return { accepted, done: { delivered }, pending: 0, dropped: {}, missing: 0, unknownLosses: 0 };
}
