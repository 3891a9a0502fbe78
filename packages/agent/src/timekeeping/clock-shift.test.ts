import { seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rangeWithout } from "./clock-shift.js";
import { decodeClockState } from "./clock-state.js";

const range = (from: number, to: number) => ({ from: seconds(from), to: seconds(to) });

describe("the clock's state", () => {
  it("is read as it was written, with a shift or without", () => {
    const state = { boot: "a-boot", bootTime: seconds(12.5) };
    expect(decodeClockState(JSON.stringify(state))).toEqual(state);
    const staying = [{ start: seconds(0), interval: seconds(10) }];
    const pending = { id: "x", ...range(0, 10), by: seconds(-20), staying };
    expect(decodeClockState(JSON.stringify({ ...state, pending }))).toEqual({ ...state, pending });
    const after = { score: 7.5, id: "\ud800 of any bytes" };
    const begun = { ...pending, progress: { queue: "a", after, moved: 7 } };
    expect(decodeClockState(JSON.stringify({ ...state, pending: begun }))).toEqual({
      ...state,
      pending: begun,
    });
  });

  it.each([
    7,
    {},
    { queue: "a", moved: "1" },
    { queue: "a", moved: 1, after: {} },
  ])("begins a shift again whose progress is %j", (progress) => {
    const pending = { id: "x", ...range(0, 10), by: seconds(-20), staying: [] };
    const text = JSON.stringify({ boot: "a", bootTime: 7, pending: { ...pending, progress } });
    expect(decodeClockState(text)).toEqual({ boot: "a", bootTime: 7, pending });
  });

  it.each([
    undefined,
    "",
    "null",
    "7",
    "[]",
    "{}",
    '{"boot":7,"bootTime":7}',
    '{"boot":"a","bootTime":"7"}',
  ])("is unknown if the text is %s", (text) => {
    expect(decodeClockState(text)).toBeUndefined();
  });

  it.each([
    '{"from":1,"to":2,"by":3}',
    '{"id":7,"from":1,"to":2,"by":3}',
    '{"id":"x","from":"1","to":2,"by":3}',
    '{"id":"x","from":1,"by":3}',
    "null",
    '"x"',
  ])("has no shift if that is %s", (pending) => {
    expect(decodeClockState(`{"boot":"a","bootTime":7,"pending":${pending}}`)).toEqual({
      boot: "a",
      bootTime: 7,
    });
  });
});

describe("a range without another", () => {
  it("has exactly the times that are in the first and not in the second", () => {
    const time = fc.integer({ min: 0, max: 12 });
    fc.assert(
      fc.property(time, time, time, time, time, (a, b, c, d, at) => {
        const isIn = ({ from, to }: { from: number; to: number }) => at >= from && at < to;
        const rest = rangeWithout(range(a, b), range(Math.min(c, d), Math.max(c, d)));
        const isSpared = isIn(range(Math.min(c, d), Math.max(c, d)));
        expect(rest.filter(isIn)).toHaveLength(isIn(range(a, b)) && !isSpared ? 1 : 0);
        for (const { from, to } of rest) expect(from).toBeLessThan(to);
      }),
    );
  });

  it("is the first if there is no other", () => {
    expect(rangeWithout(range(1, 2), undefined)).toEqual([range(1, 2)]);
  });
});
