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

/** What becomes of a value with this many characters left. */
function within(left: number, value: unknown) {
  const budget = { left, cut: false };
  return { value: plainValue(value, budget), ...budget };
}

test("a text takes its length of the budget, any other scalar eight, a list one more for each item", () => {
  expect(within(100, "12345")).toEqual({ value: "12345", left: 95, cut: false });
  for (const scalar of [5, true, null, undefined, 5n]) expect(within(100, scalar).left).toBe(92);
  expect(within(100, ["12345", 1])).toEqual({ value: ["12345", 1], left: 85, cut: false });
  expect(within(100, new Set(["12345", 1]))).toEqual({ value: ["12345", 1], left: 85, cut: false });
  expect(within(100, { name: "12345" })).toEqual({ value: { name: "12345" }, left: 91, cut: false });
  expect(within(100, new Map([["name", "12345"]]))).toEqual({
    value: { name: "12345" },
    left: 91,
    cut: false,
  });
  expect(within(100, Buffer.from("hi"))).toEqual({ value: "base64:aGk=", left: 96, cut: false });
});

test("once the budget is used up, nothing more is read, and the rest is marked as cut", () => {
  expect(within(0, "text")).toEqual({ value: "[cut]", left: 0, cut: true });
  expect(within(1, 5)).toEqual({ value: 5, left: -7, cut: false });
  let reads = 0;
  const given = {
    first: "12345",
    get second() {
      reads++;
      return 1;
    },
  };
  expect(within(10, given)).toEqual({ value: { first: "12345" }, left: 0, cut: true });
  expect(reads).toBe(0);
  expect(within(6, ["12345", "6", "7", "8"])).toEqual({ value: ["12345", "[cut]"], left: 0, cut: true });
  expect(within(5, ["12345"])).toEqual({ value: ["12345"], left: -1, cut: false });
  expect(within(7, ["12345", "678"])).toEqual({
    value: ["12345", "6… [cut: 3 characters]"],
    left: -1,
    cut: true,
  });
});

test("bytes are cut to what the budget has room for as text", () => {
  const bytes = Buffer.from("123456789");
  expect(within(12, bytes)).toEqual({ value: "base64:MTIzNDU2Nzg5", left: 0, cut: false });
  expect(within(8, bytes)).toEqual({ value: "base64:MTIzNDU2… [cut: 9 bytes]", left: 0, cut: true });
  expect(within(1, bytes)).toEqual({ value: "base64:… [cut: 9 bytes]", left: 1, cut: true });
  // Only those that the view shows.
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset + 2, 3);
  expect(within(100, view).value).toBe("base64:MzQ1");
});

test("a text of just the size of the budget is whole", () => {
  const budget = { left: 5, cut: false };
  expect(plainText("12345", budget)).toBe("12345");
  expect(budget).toEqual({ left: 0, cut: false });
  expect(plainText("", budget)).toBe("");
  expect(budget.cut).toBe(false);
});

test("ten levels are kept, deeper ones are marked; a value beside itself is no cycle", () => {
  let value: unknown = 1;
  for (let level = 0; level < 10; level++) value = [value];
  expect(plainValue(value, roomy())).toEqual(value);
  const cut = JSON.stringify(plainValue([value], roomy()));
  expect(cut).toBe(`${"[".repeat(10)}"[Deep]"${"]".repeat(10)}`);
  const shared = { a: 1 };
  expect(plainValue([shared, shared], roomy())).toEqual([{ a: 1 }, { a: 1 }]);
});

test("what JSON has no value for: in a list it is null, in an object no field", () => {
  expect(plainValue([undefined, null, 1], roomy())).toEqual([null, null, 1]);
  expect(plainValue({ a: undefined, b: null, c: -Infinity }, roomy())).toEqual({ b: null, c: "-Infinity" });
  expect(plainValue(new Date(Number.NaN), roomy())).toBeNull();
  expect(plainValue(JSON.parse('{"__proto__":1,"a":2}'), roomy())).toEqual({ a: 2 });
});

test("an object says itself what it is as JSON; an error has its own fields, and a cause if it has one", () => {
  expect(plainValue({ toJSON: () => ({ a: 1 }), b: 2 }, roomy())).toEqual({ a: 1 });
  expect(plainValue({ toJSON: 5, b: 2 }, roomy())).toEqual({ toJSON: 5, b: 2 });
  const error = Object.assign(new Error("why"), { code: 5, stack: "at", name: "Own", message: "why" });
  expect(plainValue(error, roomy())).toEqual({ name: "Own", message: "why", code: 5 });
});
