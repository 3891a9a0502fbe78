import { expect, it } from "vitest";
import { parseScore } from "./score.js";

it.each([
  ["0", 0],
  ["-0", 0],
  ["1763800000.123456", 1763800000.123456],
  ["+1.5e3", 1500],
  [".5", 0.5],
  ["5.", 5],
  ["inf", Infinity],
  ["+INF", Infinity],
  ["-infinity", -Infinity],
])("reads %j", (text, score) => {
  expect(parseScore(text)).toBe(score);
});

it.each([
  "",
  " 1",
  "1 ",
  "nan",
  "NaN",
  "1e400",
  "0x10",
  "0b1",
  "1,5",
  "abc",
  "--1",
  ".",
  "infinit",
])("refuses %j", (text) => {
  expect(parseScore(text)).toBeUndefined();
});
