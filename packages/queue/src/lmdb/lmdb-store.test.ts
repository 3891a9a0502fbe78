import { milliseconds } from "@chouette-iot/record";
import { afterEach, beforeEach, expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { LmdbStore } from "./lmdb-store.js";

let folder: Awaited<ReturnType<typeof newFolder>>;
let store: LmdbStore;
beforeEach(async () => {
  folder = await newFolder();
  store = new LmdbStore({ directory: folder.path, commitInterval: milliseconds(1) });
});
afterEach(async () => {
  await store.close();
  await folder.remove();
});

it("refuses a key that is too long for its file, and stores what shares the group commit with it", async () => {
  const long = "k".repeat(1_979);
  const refused = [
    store.write([{ queue: "q", id: "a", score: 1, value: "1" }], new Map([[long, "text"]])),
    store.settle({ notes: new Map([[long, "text"]]) }),
    store.settle({ count: new Map([[long, 1]]) }),
    store.settle({ onlyWhile: new Map([[long, undefined]]) }),
  ];
  const longest = "k".repeat(1_978);
  const stored = [
    store.append("q", [{ id: "b", score: 2, value: "2" }]),
    store.settle({ notes: new Map([[longest, "text"]]) }),
  ];
  const outcomes = await Promise.allSettled(refused);
  expect(outcomes.map(({ status }) => status)).toEqual(refused.map(() => "rejected"));
  await Promise.all(stored);
  expect((await store.read("q", { limit: 10 })).map(({ id }) => id)).toEqual(["b"]);
  expect(await store.notes([longest])).toEqual(["text"]);
});
