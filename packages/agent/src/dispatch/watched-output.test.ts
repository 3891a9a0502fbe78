import { expect, it } from "vitest";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import { MAX_REQUEST } from "../outputs/http.js";
import type { Output } from "../outputs/output.js";
import { LoopWatchdog, MAX_STEP } from "../runtime/watchdog.js";
import { MAX_BATCH, watchedOutput } from "./watched-output.js";

const never = new Promise<never>(() => {});

it.each(["resume", "check"] as const)("watches its %s as well", async (method) => {
  const clock = new ManualClock(0);
  const watchdog = new LoopWatchdog("dispatch", clock);
  const output = { resume: () => never, send: () => never, check: () => never, close: async () => {} };
  const watched = watchedOutput(output, watchdog);
  void (method === "resume" ? watched.resume?.("store") : watched.check());
  await clock.advance(MAX_BATCH);
  expect(watchdog.stallReason()).toBeUndefined();
  await clock.advance(1);
  expect(watchdog.stallReason()).toContain("has made no progress");
});

it("has as much time for a batch as two requests may take, and a step more", () => {
  expect(MAX_BATCH).toBe(2 * MAX_REQUEST + MAX_STEP);
});

it("gives a batch the time of its requests", async () => {
  const clock = new ManualClock(0);
  const watchdog = new LoopWatchdog("dispatch", clock);
  const output: Output<unknown> = { send: () => never, check: () => never, close: async () => {} };
  void watchedOutput(output, watchdog).send([]);
  await clock.advance(MAX_BATCH - 1);
  expect(watchdog.stallReason()).toBeUndefined();
  await clock.advance(2);
  expect(watchdog.stallReason()).toContain("has made no progress");
});
