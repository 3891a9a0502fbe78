import { expect, it } from "vitest";
import { parseBound, parseScore } from "./score.js";

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

it.each([
  ["1.5", { score: 1.5, isExclusive: false }],
  ["(1.5", { score: 1.5, isExclusive: true }],
  ["(-inf", { score: -Infinity, isExclusive: true }],
  ["((1", undefined],
  ["(", undefined],
  ["[1", undefined],
])("reads %j as an end of a range", (text, bound) => {
  expect(parseBound(text)).toEqual(bound);
});
