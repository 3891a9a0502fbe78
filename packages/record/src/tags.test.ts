import fc from "fast-check";
import { expect, it } from "vitest";
import { isTagList, NO_TAGS, tagList, tagsByName } from "./tags.js";

it("tags as a list are sorted, and by name are the same again", () => {
  const name = fc.stringMatching(/^[a-z]{1,3}$/);
  fc.assert(
    fc.property(fc.dictionary(name, fc.string()), (given) => {
      const tags = { ...given };
      const list = tagList(tags);
      expect([...list].sort()).toEqual(list);
      expect({ ...tagsByName(list) }).toEqual(tags);
    }),
  );
  expect([tagList(NO_TAGS), tagList({ b: "2", a: "" })]).toEqual([[], ["a:", "b:2"]]);
});

it("of two values of one name the second becomes a name without a value, as does a tag without a colon", () => {
  expect({ ...tagsByName(["a:1", "a:2", "b", "c:", ":d", "e:f:g", "a:1"]) }).toEqual({
    a: "1",
    "a:2": "",
    b: "",
    c: "",
    "": "d",
    e: "f:g",
    "a:1": "",
  });
  expect({ ...tagsByName(["toString:x", "bare"]) }).toEqual({ toString: "x", bare: "" });
});

it("a list of tags has texts only", () => {
  for (const list of [[], ["a"], ["a:b", ""]]) expect(isTagList(list)).toBe(true);
  for (const other of [undefined, null, "a", { 0: "a", length: 1 }, ["a", 1], [undefined], new Set(["a"])])
    expect(isTagList(other)).toBe(false);
});
