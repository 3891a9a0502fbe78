import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalTag, metricName, tagName, tagValue } from "./datadog-names.js";

test("names that Datadog takes stay as they are", () => {
  for (const name of ["a", "my.count.metric", "A_b.9"]) expect(metricName(name)).toBe(name);
  for (const name of ["città", "a-b/c.d", "日本"]) expect(tagName(name)).toBe(name);
  for (const value of ["Forlì", "", "1.2:3/4-5_6", "नमस्ते"]) expect(tagValue("t", value)).toBe(value);
});

test("what Datadog doesn't take is written as it would write it", () => {
  expect(metricName("9 lives: used")).toBe("lives__used");
  expect(metricName("été")).toBe("t_");
  expect(metricName("42")).toBe("");
  expect(tagName("_a b")).toBe("a_b");
  expect(tagValue("t", "a b|c\n")).toBe("a_b_c_");
});

test("a tag is in lower case, and has no colon at its end", () => {
  for (const tag of ["a", "env:prod", "a:b:c", "città:forlì", "a-b/c.d:1"])
    expect(canonicalTag(tag)).toBe(tag);
  expect(canonicalTag("Env:PROD")).toBe("env:prod");
  expect(canonicalTag("release tag:v 1")).toBe("release_tag:v_1");
  expect(canonicalTag("a::")).toBe("a");
  expect(canonicalTag(":a:b")).toBe("a:b");
  expect(canonicalTag("1_:-")).toBe("");
  expect(canonicalTag("Zone:ZÜRICH")).toBe("zone:zürich");
  expect(canonicalTag(`a:${"b".repeat(300)}`)).toBe(`a:${"b".repeat(198)}`);
  expect(canonicalTag(`${"a".repeat(199)}:b`)).toBe("a".repeat(199));
});

test("a tag is the same whether the client has written it by the rules before or not", () => {
  const letters = fc.string({
    unit: fc.constantFrom("a", "B", "é", "İ", "1", "_", "-", " ", "/", "."),
    maxLength: 110,
  });
  fc.assert(
    fc.property(letters, letters, (name, value) => {
      const written = tagName(name);
      if (written !== "")
        expect(canonicalTag(`${written}:${tagValue(written, value)}`)).toBe(canonicalTag(`${name}:${value}`));
    }),
  );
});

test("no name or tag is longer than 200 characters, and none changes when it is written again", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 400 }),
      fc.string({ maxLength: 400 }),
      (name, value) => {
        const metric = metricName(name);
        expect(metric).toMatch(/^([A-Za-z][A-Za-z0-9_.]{0,199})?$/);
        expect(metricName(metric)).toBe(metric);
        const tag = tagName(name);
        expect(tagName(tag)).toBe(tag);
        const whole = canonicalTag(`${name}:${value}`);
        expect(whole.length).toBeLessThanOrEqual(200);
        expect(whole).toMatch(/^(\p{L}[\p{L}\p{M}\p{N}_\-:./]*)?$/u);
        expect(canonicalTag(whole)).toBe(whole);
        expect(`${tag}:${tagValue(tag, value)}`.length).toBeLessThanOrEqual(201);
      },
    ),
  );
});
