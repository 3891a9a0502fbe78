import { Aggregator, type MetricContext } from "@chouette-iot/record/calls";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ContextLookup } from "./context-lookup.js";
import { Counters } from "./counters.js";

// Only the clock is a stand-in here: what belongs to which second must not depend on how fast the test runs.
const NOON = 1_763_800_000_000;
let counters: Counters;
let contexts: ContextLookup;
let stored: [head: string, tail: string, value: number | string, at: number][];
let answers: boolean[];

beforeEach(() => {
  vi.useFakeTimers({ now: NOON + 250, toFake: ["Date"] });
  counters = new Counters();
  contexts = new ContextLookup();
  stored = [];
  answers = [];
});
afterEach(() => vi.useRealTimers());

function aggregator(limit = 100): Aggregator {
  return new Aggregator(limit, counters, ({ jsonPrefix, jsonSuffix }, value, at) => {
    stored.push([jsonPrefix, jsonSuffix, value, at]);
    return Promise.resolve(answers.shift() ?? true);
  });
}

function context(type: "count" | "gauge" | "set", metric: string, id?: number): MetricContext {
  const found = contexts.lookupOrCreate(type, metric, id === undefined ? undefined : { id });
  if (found === undefined) throw new Error("no such context");
  return found;
}

test("calls of a second are one record, at the time of the last of them", async () => {
  const made = aggregator();
  for (let call = 0; call < 1_000; call++) made.addToSum(context("count", "c"), 2);
  made.setGauge(context("gauge", "g"), 7);
  vi.setSystemTime(NOON + 350);
  made.setGauge(context("gauge", "g"), 8);
  made.addToSet(context("set", "s"), ["a", 1]);
  made.addToSet(context("set", "s"), ["a", "1"]);
  expect(stored).toEqual([]);
  await expect.poll(() => stored.length, { timeout: 10_000 }).toBe(3);
  expect(stored.map(([, , value, at]) => [value, at - NOON])).toEqual([
    [2_000, 250],
    [8, 350],
    ['["a",1,"1"]', 350],
  ]);
  expect(counters.aggregated).toBe(999 + 1 + 1);
});

test("counts whose sum no number can hold are stored as several", () => {
  const made = aggregator();
  for (const value of [1e308, 1e308, 5, -1e308, -1e308, -1e308]) made.addToSum(context("count", "c"), value);
  made.flush();
  expect(stored.map(([, , value]) => value)).toEqual([1e308, -1e308, -1e308]);
});

test("a blocked program's calls of two seconds are two records", () => {
  const made = aggregator();
  made.addToSum(context("count", "c"), 1);
  vi.setSystemTime(NOON + 1_000);
  made.addToSum(context("count", "c"), 10);
  vi.setSystemTime(NOON + 2_500);
  made.addToSum(context("count", "c"), 100);
  made.flush();
  expect(stored.map(([, , value, at]) => [value, at - NOON])).toEqual([
    [1, 250],
    [10, 1_000],
    [100, 2_500],
  ]);
});

test("a clock that is set back begins another second", () => {
  const made = aggregator();
  made.addToSum(context("count", "c"), 1);
  vi.setSystemTime(NOON - 5_000);
  made.addToSum(context("count", "c"), 10);
  made.flush();
  expect(stored.map(([, , value]) => value)).toEqual([1, 10]);
});

test("a flush answers true only when all of it is stored", async () => {
  const made = aggregator();
  answers = [true, false];
  const first = made.addToSum(context("count", "a"), 1);
  expect(made.addToSum(context("count", "b"), 1)).toBe(first);
  expect(await first).toBe(false);
  const second = made.addToSum(context("count", "a"), 1);
  expect(await second).toBe(true);
});

test("contexts beyond the limit share one per metric, are counted, and lose no value", () => {
  const made = aggregator(3);
  for (let id = 0; id < 10; id++) made.addToSum(context("count", "m", id), 1);
  for (let id = 0; id < 10; id++) made.addToSum(context("count", "m", id), 1);
  made.flush();
  expect(stored.map(([, tail, value]) => [tail, value])).toEqual([
    [',"tags":{"id":"0"}}', 2],
    [',"tags":{"id":"1"}}', 2],
    [',"tags":{"id":"2"}}', 2],
    [',"tags":{"overflow":"true"}}', 14],
  ]);
  expect(counters.overflowed).toBe(14);
  vi.setSystemTime(NOON + 1_250);
  made.addToSum(context("count", "m", 9), 1);
  made.flush();
  expect(stored.at(-1)?.[1]).toBe(',"tags":{"id":"9"}}');
});
