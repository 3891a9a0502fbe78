import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { until } from "../../../../tests/support/until.js";
import { Syncer } from "./syncer.js";

it("goes on to flush after a flush that took longer than its period", async () => {
  let writes = 0;
  let flushed = 0;
  const syncer = new Syncer(
    5,
    async () => {
      const before = writes;
      await sleep(40);
      flushed = before;
    },
    () => {},
  );
  const write = () => {
    writes += 1;
    syncer.wrote();
  };
  // While one is under way, others are asked for, and their time comes before it ends.
  for (let round = 0; round < 20; round++) {
    write();
    await sleep(3);
  }
  await until("what was written to be flushed", () => flushed === writes, 2_000);
  write();
  await until("what was written later to be flushed", () => flushed === writes, 2_000);
  await syncer.stop();
  expect(flushed).toBe(writes);
});
