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
});
