import { expect, it } from "vitest";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import type { Output } from "../outputs/output.js";
import { LoopWatchdog } from "../runtime/watchdog.js";
import { MAX_BATCH, watchedOutput } from "./watched-output.js";

const never = new Promise<never>(() => {});

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
