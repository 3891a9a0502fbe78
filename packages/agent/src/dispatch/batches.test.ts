import { expect, it } from "vitest";
import { BatchSize, MAX_BATCH_LENGTH } from "./batch-size.js";
import { inBatches } from "./batches.js";

it("has batches of bounded length, however few records that is", async () => {
  const third = "x".repeat(Math.ceil(MAX_BATCH_LENGTH / 3));
  const entry = (value: string, index: number) => ({ score: index, id: `${index}`, value, record: index });
  const entries = [third, third, third, third + third + third + third, third].map(entry);
  async function* pages() {
    yield entries.slice(0, 2);
    yield entries.slice(2);
  }
  const batches: number[][] = [];
  for await (const batch of inBatches(pages(), new BatchSize(10_000))) {
    batches.push(batch.map(({ record }) => record));
  }
  expect(batches).toEqual([[0, 1], [2], [3], [4]]);
});
