import { type KeyedMetric, type MetricType, seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addRecord, type Context, mergeContext, newContext, sumOf } from "./context.js";
import { restoreContexts, saveContexts } from "./saved-contexts.js";

const TYPES: readonly MetricType[] = ["count", "gauge", "rate", "set", "histogram", "distribution"];
const START = 1_000_000;

function record(type: MetricType, value: number, at: number): KeyedMetric {
  const series = { metric: "m", tags: [], key: `${type} m `, timestamp: seconds(START + at) };
  return type === "set" ? { ...series, type, value: [value, `${value}`] } : { ...series, type, value };
}

function contextOf(type: MetricType, records: readonly KeyedMetric[]): Context {
  const context = newContext({ metric: "m", type, tags: [] });
  for (const each of records) addRecord(context, each);
  return context;
}

function restored(context: Context): Context {
  const answer = restoreContexts(saveContexts([{ context, readyIds: [] }]), []);
  const [saved] = answer.ok ? answer.value : [];
  if (saved === undefined) throw new Error("nothing was restored");
  return saved.context;
}

describe.each(TYPES)("a context of type %s", (type) => {
  it("is the same whether its records are added one by one, or in parts that were saved meanwhile", () => {
    const entry = fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: 0, max: 9 }));
    fc.assert(
      fc.property(fc.array(fc.array(entry, { maxLength: 5 }), { minLength: 1, maxLength: 4 }), (parts) => {
        const records = parts.map((part) => part.map(([value, at]) => record(type, value, at)));
        const whole = contextOf(type, records.flat());
        const merged = newContext({ metric: "m", type, tags: [] });
        for (const part of records) mergeContext(merged, restored(contextOf(type, part)));
        expect(merged).toEqual(whole);
        expect(restored(whole)).toEqual(whole);
      }),
    );
  });

  it("adds up in a new one, and changes neither", () => {
    const [first, second] = [contextOf(type, [record(type, 1, 1)]), contextOf(type, [record(type, 2, 2)])];
    const before = [
      saveContexts([{ context: first, readyIds: [] }]),
      saveContexts([{ context: second, readyIds: [] }]),
    ];
    expect(sumOf(first, second)).toEqual(contextOf(type, [record(type, 1, 1), record(type, 2, 2)]));
    const after = [
      saveContexts([{ context: first, readyIds: [] }]),
      saveContexts([{ context: second, readyIds: [] }]),
    ];
    expect(after).toEqual(before);
  });
});

describe.each(["count", "gauge", "rate"] as const)("a %s", (type) => {
  it("refuses what would make it infinite, and stays as it was", () => {
    const context = contextOf(type, [record(type, 1.5e308, 1)]);
    const same = contextOf(type, [record(type, 1.5e308, 1)]);
    expect(addRecord(context, record(type, 1.5e308, 2))).toBe(false);
    expect(context).toEqual(same);
    expect(mergeContext(context, same)).toBe(false);
    expect(context).toEqual(same);
  });
});

it("a gauge has the value with the latest timestamp whatever comes last, and of one timestamp the one that comes last", () => {
  const [early, late, equal] = [record("gauge", 1, 1), record("gauge", 2, 5), record("gauge", 3, 5)];
  const latest = (...records: readonly KeyedMetric[]) => contextOf("gauge", records).sum;
  expect(latest(late, early)).toMatchObject({ latest: 2, at: START + 5 });
  expect(latest(early, late)).toMatchObject({ latest: 2, at: START + 5 });
  expect(latest(late, equal, early)).toMatchObject({ latest: 3, at: START + 5 });
  const merged = contextOf("gauge", [late]);
  mergeContext(merged, contextOf("gauge", [early]));
  expect(merged.sum).toEqual({ latest: 2, at: START + 5, total: 3, samples: 2 });
  mergeContext(merged, contextOf("gauge", []));
  expect(merged.sum).toMatchObject({ latest: 2, at: START + 5 });
});

it("refuses records and contexts of another type", () => {
  const count = contextOf("count", []);
  expect(() => addRecord(count, record("set", 1, 1))).toThrow("a set can't be added to a number");
  expect(() => mergeContext(count, contextOf("set", []))).toThrow("a set can't be added to a count");
});
