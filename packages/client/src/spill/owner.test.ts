import { uptime } from "node:os";
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

test.runIf(process.platform === "linux")("a process is known by its id and the time when it started", () => {
  const [pid, begun] = thisProcess().split("-");
  expect(Number(pid)).toBe(process.pid);
  // In hundredths of a second since the boot.
  expect(Math.abs(Number(begun) / 100 - (uptime() - process.uptime()))).toBeLessThan(5);
});

test.runIf(process.platform === "linux")(
  "a process that has ended is no owner, whatever it started at",
  () => {
    const beyondAll = 2 ** 22 + 1;
    for (const begun of ["0", "1", "undefined"]) expect(isAlive(`${beyondAll}-${begun}`)).toBe(false);
    expect(isAlive(`${process.pid}.5-1`)).toBe(false);
  },
);
