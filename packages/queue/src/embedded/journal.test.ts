/** What the journal writes. */
import { expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { until } from "../../../../tests/support/until.js";
import { openEmbeddedStore } from "./open-embedded-store.js";

it("keeps no segment whose records have all been replaced, as those of a gauge that is stored under one id", async () => {
  const folder = await newFolder();
  const limits = { segmentBytes: 10_000, segments: 1_000 };
  const { store } = await openEmbeddedStore({ folder: folder.path, limits, fsync: 1 });
  try {
    for (let write = 0; write < 1_000; write++)
      await store.append("chouette:metrics:raw", [{ score: write, id: "gauge", value: "y".repeat(100) }]);
    await until("one segment", async () => {
      await store.append("chouette:metrics:raw", [{ score: 1_000, id: "gauge", value: "" }]);
      return store.disk().segments === 1;
    });
  } finally {
    await store.close();
    await folder.remove();
  }
});

it("doesn't write its state again with each frame, though it is larger than a segment", async () => {
  const folder = await newFolder();
  const { store } = await openEmbeddedStore({ folder: folder.path, limits: { segmentBytes: 10_000 } });
  try {
    const state = new Map(Array.from({ length: 100 }, (_, index) => [`key${index}`, "x".repeat(1_000)]));
    await store.settle({ state });
    const before = store.disk().writtenBytes;
    for (let write = 0; write < 1_000; write++)
      await store.append("chouette:metrics:raw", [{ score: write, id: `${write}`, value: "y".repeat(100) }]);
    // 150 kB of frames, and as much of heads at most.
    expect(store.disk().writtenBytes - before).toBeLessThan(600_000);
  } finally {
    await store.close();
    await folder.remove();
  }
});
