import { MemoryStore } from "@chouette-iot/queue/memory";
import { seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import { until } from "../../../../tests/support/until.js";
import { History, type TimedSample, toSample } from "./history.js";
import { decodeHour, encodeHours, HISTORY_STATE, runHistoryStore } from "./history-store.js";

const START = 1_800_000_000;
const sample = (at: number, value: number): TimedSample => ({
  at: seconds(at),
  sample: toSample(() => value),
});

describe("the stored history", () => {
  it("is what it was, gaps included, and of a bounded size", () => {
    const value = fc.oneof(fc.float({ noDefaultInfinity: true }), fc.constant(Number.NaN));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 288 }), (values) => {
        const samples = values.map((one, index) => sample(START + 300 * index, one));
        const texts = encodeHours(samples);
        expect([...texts].flatMap(([key, text]) => decodeHour(key, text))).toEqual(samples);
        for (const text of texts.values()) expect(text.length).toBeLessThanOrEqual(834);
        expect(texts.size).toBeLessThanOrEqual(25);
      }),
    );
  });

  it("is ignored if it is damaged or of another version", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (key, text) => {
        decodeHour(HISTORY_STATE + key, text);
        decodeHour(`${HISTORY_STATE}2026-11-26T10`, `1:${text}`);
      }),
    );
    expect(decodeHour(`${HISTORY_STATE}2026-11-26T10`, "2:AAAA")).toEqual([]);
  });

  it("outlasts a restart, with what was there before the end, and no hour over a day old", async () => {
    const store = new MemoryStore();
    const clock = new ManualClock(START * 1000);
    const old = `${HISTORY_STATE}2020-01-01T00`;
    await store.settle({ state: new Map([[old, "1:"]]) });
    const first = new History();
    for (let at = START - 4_000; at <= START; at += 10) first.add(sample(at, 7));
    const ending = new AbortController();
    const running = runHistoryStore({ store, history: first, clock }, ending.signal);
    await until("the first write", async () => (await store.stateWithPrefix(HISTORY_STATE)).size > 1);
    first.add(sample(START + 5, 9));
    ending.abort();
    await running;
    expect([...(await store.stateWithPrefix(HISTORY_STATE)).keys()]).not.toContain(old);
    const second = new History();
    const end = new AbortController();
    end.abort();
    await runHistoryStore(
      { store, history: second, clock: new ManualClock((START + 10) * 1000) },
      end.signal,
    );
    expect(second.day(seconds(START + 10))).toEqual(first.day(seconds(START + 10)));
    expect(second.day(seconds(START + 10)).at(-1)?.sample.rawPending).toBe(9);
  });

  it("doesn't take room from newer samples when it is restored again, as after a reload", () => {
    const history = new History();
    for (let at = START; at <= START + 86_400; at += 300) history.add(sample(at, 1));
    const before = history.day(seconds(START + 86_400));
    for (let times = 0; times < 5; times++) history.restore(before);
    expect(history.day(seconds(START + 86_400))).toEqual(before);
  });
});
