/** pino's numbers, and the names of all three. */
import { expect, test } from "vitest";
import { readLevel } from "./log-level.js";

test.each([
  [60, "CRITICAL"],
  [59, "ERROR"],
  [50, "ERROR"],
  [49, "WARNING"],
  [40, "WARNING"],
  [39, "INFO"],
  [30, "INFO"],
  [29, "DEBUG"],
  [10, "DEBUG"],
  [-1, "DEBUG"],
  ["Warn", "WARNING"],
  ["fatal", "CRITICAL"],
  ["nothing", undefined],
  [null, undefined],
])("the level of %j is %s", (given, level) => {
  expect(readLevel(given)).toBe(level);
});
