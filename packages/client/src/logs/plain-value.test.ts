import fc from "fast-check";
import { expect, test } from "vitest";
import { plainText, plainValue } from "./plain-value.js";

const roomy = () => ({ left: 1_000_000, cut: false });

test("what JSON can carry stays as it is", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const text = JSON.stringify(value);
      // A field of that name is left out, since it would be no field of the copy.
      fc.pre(!text.includes('"__proto__"'));
      // As text, which knows no negative zero.
      expect(JSON.stringify(plainValue(value, roomy()))).toBe(text);
    }),
  );
});

test("whatever it is, it becomes JSON within its budget, and is not changed", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: true,
  });
  fc.assert(
    fc.property(anything, fc.nat(500), (value, left) => {
      const text = JSON.stringify(plainValue(value, { left, cut: false })) ?? "";
      // Marks of what was cut, quotes and escapes come on top.
      expect(text.length).toBeLessThan(left * 8 + 2_000);
    }),
  );
});

test("cycles, getters that throw, proxies, BigInt, bytes and errors", () => {
  const cycle: Record<string, unknown> = { n: 1 };
  cycle.self = cycle;
  const given = {
    cycle,
    get boom(): string {
      throw new Error("no");
    },
    proxy: new Proxy(
      {},
      {
        ownKeys() {
          throw new Error("never");
        },
      },
    ),
    big: 12n,
    bytes: Buffer.from("hi"),
    error: new TypeError("wrong", { cause: new Error("deeper") }),
    nan: Number.NaN,
    map: new Map([["k", new Set([1])]]),
    fn: function named() {},
    symbol: Symbol("s"),
    date: new Date(0),
  };
  expect(plainValue(given, roomy())).toEqual({
    cycle: { n: 1, self: "[Circular]" },
    boom: "[Throws: no]",
    proxy: "[Throws: never]",
    big: "12",
    bytes: "base64:aGk=",
    error: { name: "TypeError", message: "wrong", cause: { name: "Error", message: "deeper" } },
    nan: "NaN",
    map: { k: [1] },
    fn: "[Function named]",
    symbol: "Symbol(s)",
    date: "1970-01-01T00:00:00.000Z",
  });
});

test("what is too long is cut and marked", () => {
  const budget = { left: 5, cut: false };
  expect(plainText("1234567890", budget)).toBe("12345… [cut: 10 characters]");
  expect(budget).toEqual({ left: 0, cut: true });
});
