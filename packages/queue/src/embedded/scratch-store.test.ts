import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { openScratchStore } from "./scratch-store.js";

it("stores and settles as any other, without a flush and without a limit of a disk", async () => {
  const store = await openScratchStore();
  const records = Array.from({ length: 300 }, (_, n) => ({ score: n, id: `${n}`, value: "x".repeat(1_000) }));
  await store.append("q", records);
  const before = store.disk();
  await sleep(30);
  // A flush would fail on such a file, and write everything again.
  expect(store.disk()).toEqual(before);
  expect(before).toMatchObject({ segments: 1, runs: 0, full: undefined });
  await store.settle({ remove: [{ queue: "q", records: records.slice(0, 299), counter: "left" }] });
  expect(await store.read("q", { limit: 9 })).toMatchObject([{ id: "299" }]);
  expect((await store.counters()).get("left")).toBe(299);
  await store.close();
});
