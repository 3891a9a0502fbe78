import fc from "fast-check";
import { expect, test } from "vitest";
import { plainTags, plainValue, readTags } from "./tag-input.js";

// biome-ignore lint/suspicious/noExplicitAny: a program in JavaScript may pass anything
const read = (input: any, always = {}) => readTags(always, input);

test("any input that means the same tags gives the same tags", () => {
  const name = fc.stringMatching(/^[a-z]{1,3}$/);
  const value = fc.stringMatching(/^[a-z0-9:]{0,4}$/);
  fc.assert(
    fc.property(fc.dictionary(name, value), (given) => {
      const tags = { ...given };
      const pairs = Object.entries(tags);
      const texts = pairs.map(([each, of]) => `${each}:${of}`);
      for (const input of [tags, pairs, new Map(pairs), texts, new Set(texts)])
        expect(read(input)).toEqual(tags);
    }),
  );
});

test("an item without a colon is a tag without a value; of a text with several the first one counts", () => {
  expect(read(["a", "b:", ":c", "d:e:f"])).toEqual({ a: "", b: "", d: "e:f" });
  expect(read("a:b")).toEqual({ a: "b" });
  expect(read([["a"], ["b", "c", "d"], ["e", "f"], 7])).toEqual({ a: "", b_c_d: "", e: "f" });
});

test("null and undefined are no tags, all other values are text", () => {
  expect(read({ a: null, b: undefined, c: false, d: 0, e: "", f: 1n })).toEqual({
    c: "false",
    d: "0",
    e: "",
    f: "1",
  });
  expect(
    read([
      ["a", null],
      ["b", undefined],
      ["c", 0],
    ]),
  ).toEqual({ c: "0" });
  for (const none of [null, undefined]) expect(read(none, { a: "b" })).toEqual({ a: "b" });
});

test("the input's tags take precedence over those of always, the last one over the first; neither is changed", () => {
  const always = Object.freeze({ a: "1", b: "2" });
  expect(read(["b:3", "b:4"], always)).toEqual({ a: "1", b: "4" });
  expect(read({ "b b": 5, "?": 6 }, always)).toEqual({ a: "1", b: "2", b_b: "5" });
});

test("what can't be tags is an error: a number, an iterator that can be read once, a value without a text", () => {
  for (const wrong of [5, true, Symbol("s"), [][Symbol.iterator](), { a: Object.create(null) }])
    expect(() => read(wrong)).toThrow(TypeError);
});

test("each tag is read once, and kept without the caller's objects", () => {
  let reads = 0;
  const plain = plainTags({
    get a() {
      return `${++reads}`;
    },
  });
  expect([{ ...plain }, reads]).toEqual([{ a: "1" }, 1]);
  expect(Object.getPrototypeOf(plain)).toBeNull();
  const scalars = ["a", 1, true, undefined, null];
  expect(scalars.map(plainValue)).toEqual(scalars);
  expect([new Date(0), 5n, ["x"]].map(plainValue)).toEqual([String(new Date(0)), "5", "x"]);
});
