import { expect, it } from "vitest";
import { decodeTime, isTime, milliseconds, seconds, toMilliseconds, toSeconds } from "./time.js";

const LATEST_DATE = 8.64e12;

it("seconds and milliseconds are a thousand apart", () => {
  expect([toSeconds(milliseconds(1_500)), toMilliseconds(seconds(1.5))]).toEqual([1.5, 1_500]);
});

it("a record's time is from the epoch to the latest that a Date can have", () => {
  expect(new Date(LATEST_DATE * 1_000).getTime()).toBe(LATEST_DATE * 1_000);
  for (const time of [0, 0.5, 1_763_800_000.25, LATEST_DATE]) {
    expect([isTime(time), decodeTime(time)]).toEqual([true, time]);
  }
  for (const none of [-0.001, LATEST_DATE + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect([isTime(none), decodeTime(none)]).toEqual([false, undefined]);
  }
});

it("a time may be a text that is a number, as Redis writes scores", () => {
  for (const text of ["0", "1763800000.25", "1.7e9", "1E+9", "25e-1"])
    expect(decodeTime(text)).toBe(Number(text));
  for (const none of ["", " 5", "5 ", "-5", "0x10", "Infinity", "5.", ".5", "1e", "1e400", "8.64e13", "five"])
    expect(decodeTime(none)).toBeUndefined();
  for (const none of [undefined, null, true, [5], {}]) expect(decodeTime(none)).toBeUndefined();
});
