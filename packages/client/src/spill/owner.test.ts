import { expect, test } from "vitest";
import { isAlive, NOBODY, thisProcess } from "./owner.js";

test("a spill file belongs to its process as long as that runs, and to nobody once it was released", () => {
  const own = thisProcess();
  expect(isAlive(own)).toBe(true);
  expect(isAlive(NOBODY)).toBe(false);
});

test.runIf(process.platform === "linux")("a process that got the id of an ended one isn't the owner", () => {
  expect(isAlive(`${process.pid}-1`)).toBe(false);
});

test.each(["", "-", "0-0", "-5-1", "x-1"])("%j is no owner", (owner) => {
  expect(isAlive(owner)).toBe(false);
});
