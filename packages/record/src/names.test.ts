import fc from "fast-check";
import { expect, test } from "vitest";
import { metricName, tagName, tagValue } from "./names.js";

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
        expect(`${tag}:${tagValue(tag, value)}`.length).toBeLessThanOrEqual(201);
      },
    ),
  );
});
