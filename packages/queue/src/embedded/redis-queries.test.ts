import { expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { openEmbeddedStore } from "./open-embedded-store.js";

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
