import { expect, test } from "vitest";
import { messageOf } from "./errors.js";

test("whatever is thrown has a message", () => {
  const both = new AggregateError([
    new Error("connect ECONNREFUSED ::1:1"),
    new Error("connect ECONNREFUSED"),
  ]);
  expect(messageOf(both)).toBe("connect ECONNREFUSED ::1:1, connect ECONNREFUSED");
  expect(messageOf(new Error("plain"))).toBe("plain");
  expect(messageOf(new TypeError())).toBe("TypeError");
  expect(messageOf(Object.assign(new Error(), { code: "ECONNRESET" }))).toBe("ECONNRESET");
  expect(messageOf({ message: "of another realm" })).toBe("of another realm");
  expect(messageOf(Symbol("s"))).toBe("Symbol(s)");
  expect(messageOf(Object.create(null))).toBe("unknown error");
  expect(messageOf("")).toBe("unknown error");
  expect(messageOf(new AggregateError([new Error("only")]))).toBe("only");
  expect(messageOf(new AggregateError([]))).toBe("AggregateError");
  expect(messageOf(Object.assign(new Error(), { code: "", name: "" }))).toBe("unknown error");
  expect(messageOf({ message: 5, name: "no error" })).toBe("[object Object]");
  for (const other of [null, undefined, 5]) expect(messageOf(other)).toBe(String(other));
  expect(messageOf({ message: "", errors: [new Error("a"), "b", new Error("a")] })).toBe("a, b");
});
