import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { lineForPeople } from "./log-line.js";

const TIME = new Date(2026, 0, 2, 3, 4, 5).toISOString();

function line(fields: object, hasColors = false): string {
  return lineForPeople(`${JSON.stringify({ level: 30, time: TIME, ...fields })}\n`, hasColors);
}

test("a line has time, level and message, and the rest as name=value", () => {
  expect(line({ msg: "agent started", listen: "127.0.0.1:6379", data: "/a b", counts: { raw: 1 } })).toBe(
    '03:04:05 INFO  agent started listen=127.0.0.1:6379 data="/a b" counts={"raw":1}\n',
  );
});

test("what is in a line can neither steer the terminal nor forge another line", () => {
  const text = line({
    msg: "a\n03:04:05 INFO b",
    reason: "\u001b]52;c;x\u0007",
    err: { stack: "E: \u001b[2J\nat f" },
  });
  expect(text).not.toMatch(/[^\P{Cc}\n]/u);
  expect(text.split("\n")).toHaveLength(4);
});

test("colours change nothing of the text", () => {
  const fields = { level: 50, msg: "flush failed", reason: "x" };
  expect(line(fields, true)).toContain("\u001b[31m");
  expect(stripVTControlCharacters(line(fields, true))).toBe(line(fields));
});
