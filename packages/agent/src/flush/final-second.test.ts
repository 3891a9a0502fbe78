import { seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { setUpFlush } from "../../../../tests/support/flushing.js";
import { addRecord, newContext } from "../aggregation/context.js";
import { saveContext, saveContexts } from "../aggregation/saved-contexts.js";
import { FinalSecond, TOO_LARGE_TO_KEEP } from "./final-second.js";

const START = 1_000_000;
/** Of which a queue hands out one in a value, and eight are kept. */
const LENGTH = 1_900_000;
const element = (index: number) => `${index}`.padStart(LENGTH, "x");
const set = (index: number) => ({
  ...{ metric: "s", type: "set", value: [element(index)], timestamp: START + 0.5, tags: {} },
});

describe("a window's last second", () => {
  it("keeps no more than its limit: what is too much becomes dead letters, and the rest is sent", async () => {
    const { put, flushAt, ready, rejected, store } = setUpFlush({ interval: 1 });
    for (const indexes of [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]) {
      for (const index of indexes) await put(set(index));
      await flushAt(START + 10 + (indexes[0] ?? 0));
    }
    await put({ metric: "m", type: "count", value: 1, timestamp: START, tags: {} });
    await flushAt(START + 30);
    const values = (await ready()).map(({ metric, points }) => [metric, points[0]?.[1]]);
    expect(Object.fromEntries(values)).toEqual({ m: 1, s: 8 });
    // Of these, a page has room for one.
    const [letter] = await rejected();
    expect(letter?.reason).toBe(TOO_LARGE_TO_KEEP);
    expect([element(8), element(9)]).toContain(JSON.parse(letter.value).value[0]);
    expect((await store.counters()).get("chouette:rejected:accepted")).toBe(2);
    const [kept] = await store.state([`last:chouette:metrics:raw:${START}`]);
    expect(kept?.length).toBeLessThan(16 * 1024 * 1024);
  });

  it("holds text up to its limit exactly, replaces a context by one that isn't longer, and loses none", () => {
    const MAX_LENGTH = 16 * 1024 * 1024;
    const setOf = (length: number) => {
      const context = newContext({ metric: "s", type: "set", tags: [] });
      const value = ["x".repeat(length)];
      addRecord(context, { metric: "s", tags: [], key: "", type: "set", value, timestamp: seconds(START) });
      return { context, readyIds: [] };
    };
    const empty = saveContext(setOf(0)).length;
    const longest = setOf(MAX_LENGTH - 2 * empty);
    const second = new FinalSecond([["a", longest]]);
    expect(() => second.keep("b", setOf(1), () => {})).toThrow(TOO_LARGE_TO_KEEP);
    expect([...second.contexts()]).toEqual([longest]);
    second.keep("b", setOf(0), () => {});
    expect(second.toText().length).toBe(MAX_LENGTH + "[,]".length);
    expect(() => second.keep("b", setOf(1), () => {})).toThrow(TOO_LARGE_TO_KEEP);
    second.keep("b", setOf(0), () => {});
    expect(second.get("b")).toEqual(setOf(0));
    second.keep("a", setOf(0), () => {});
    second.keep("b", setOf(9), () => {});
    expect(second.toText().length).toBe(2 * empty + 9 + "[,]".length);
    // An earlier version had no limit: what it kept may become shorter.
    const over = new FinalSecond([["a", setOf(MAX_LENGTH)]]);
    over.keep("a", setOf(MAX_LENGTH - 1), () => {});
    expect(() => over.keep("a", setOf(MAX_LENGTH), () => {})).toThrow(TOO_LARGE_TO_KEEP);
  });

  it("stays as it was if what is kept can't be sent", () => {
    const context = newContext({ metric: "m", type: "count", tags: [] });
    const second = new FinalSecond([]);
    second.keep("a", { context, readyIds: ["1"] }, () => {});
    const before = second.toText();
    const failing = () => {
      throw new Error("claimed");
    };
    expect(() => second.keep("a", { context, readyIds: ["2"] }, failing)).toThrow("claimed");
    expect(() => second.keep("b", { context, readyIds: [] }, failing)).toThrow("claimed");
    expect(second.toText()).toBe(before);
    expect(before).toBe(saveContexts([{ context, readyIds: ["1"] }]));
  });
});
