import fc from "fast-check";
import { expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { openEmbeddedStore } from "./open-embedded-store.js";
import { QueueContent } from "./queue-content.js";
import { findValue, positionsByRank, valueCount } from "./redis-queries.js";

const QUEUE = "chouette:metrics:raw";

it("HLEN counts values, with a score or without, and ZRANGE takes ranks from both ends", async () => {
  const folder = await newFolder();
  const { store } = await openEmbeddedStore({ folder: folder.path });
  try {
    await store.write([
      { queue: QUEUE, id: "score alone", score: 1, value: undefined },
      { queue: QUEUE, id: "value alone", score: undefined, value: "a" },
      { queue: QUEUE, id: "both", score: 2, value: "b" },
    ]);
    expect(await store.valueCount(QUEUE)).toBe(2);
    const ids = async (start: number, stop: number) =>
      (await store.range(QUEUE, start, stop)).map(({ id }) => id);
    expect(await ids(0, -1)).toEqual(["score alone", "both"]);
    expect(await ids(-1, 5)).toEqual(["both"]);
    expect(await ids(0, 0)).toEqual(["score alone"]);
    expect(await ids(2, 5)).toEqual([]);
    const values = await store.values(QUEUE, ["score alone", "value alone", "both", "none"]);
    expect(values).toEqual([undefined, "a", "b", undefined]);
  } finally {
    await store.close();
    await folder.remove();
  }
});

/** A queue whose first records are being written to a run. */
function halfFrozen(counts: readonly [frozen: number, later: number]): QueueContent {
  const queue = new QueueContent(QUEUE, () => {});
  let number = 1;
  for (const [part, count] of counts.entries()) {
    const records = Array.from({ length: count }, (_, n) => ({
      score: n,
      id: `${part}-${n}`,
      value: n % 3 === 0 ? undefined : `${n}`,
    }));
    queue.write({ queue: QUEUE, first: number, records });
    number += count;
    if (part === 0) queue.freeze(number);
  }
  queue.write({ queue: QUEUE, first: number, records: [{ id: "orphan", value: "o" }] });
  return queue;
}

it("ranks are those of Redis, over any number of pages, between which others have their turn", async () => {
  const queue = halfFrozen([2_500, 2_001]);
  const all = await positionsByRank(queue, 0, -1);
  expect(all.length).toBe(4_501);
  const rank = fc.oneof(
    fc.integer({ min: -4_600, max: 4_600 }),
    fc.constantFrom(0, -1, 1_999, 2_000, 4_500, -4_501),
  );
  await fc.assert(
    fc.asyncProperty(rank, rank, async (start, stop) => {
      const first = start < 0 ? Math.max(0, all.length + start) : start;
      const last = stop < 0 ? all.length + stop : stop;
      expect(await positionsByRank(queue, start, stop)).toEqual(all.slice(first, Math.max(0, last + 1)));
    }),
    { numRuns: 20 },
  );
  let turns = 0;
  const next = () => {
    turns += 1;
    if (turns < 100) setImmediate(next);
  };
  setImmediate(next);
  await positionsByRank(queue, 4_490, 4_500);
  expect(turns).toBeGreaterThanOrEqual(3);
});

it("values are counted and found in each part of the queue", async () => {
  const queue = halfFrozen([10, 7]);
  // Of ten 0, 3, 6, 9 have none, and of seven 0, 3, 6; one value has no score.
  expect(valueCount(queue)).toBe(17 - 4 - 3 + 1);
  const ids = ["0-1", "0-3", "1-5", "1-6", "orphan", "nobody"];
  const values = await Promise.all(ids.map((id) => findValue(queue, id)));
  expect(values).toEqual(["1", undefined, "5", undefined, "o", undefined]);
});
