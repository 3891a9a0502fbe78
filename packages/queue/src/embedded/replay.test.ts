import { expect, it } from "vitest";
import { PowerDisk } from "../../../../tests/support/power-disk.js";
import { BlockCache } from "./block-cache.js";
import { Journal } from "./journal.js";
import { Losses } from "./losses.js";
import { Replay } from "./replay.js";
import { RunFiles } from "./run-files.js";

it("never gives out a record's number again, also if the records before a segment have all left", async () => {
  const files = new PowerDisk();
  const losses = new Losses();
  const runFiles = new RunFiles({ files, folder: "/data", cache: new BlockCache(), names: [], losses });
  const replay = new Replay(new Journal(files, "/data", 1), runFiles, losses);
  const opened = { kind: "opened", version: 1, boot: "", isDurable: false } as const;
  await replay.apply({ mark: { ...opened, nextNumber: 700 } });
  expect(replay.content.nextNumber).toBe(700);
  await replay.apply({ writes: [{ queue: "a", first: 700, records: [{ id: "b", score: 1, value: "c" }] }] });
  // A segment that a later head follows has records of its own.
  await replay.apply({ mark: { ...opened, nextNumber: 650 } });
  expect(replay.end().nextNumber).toBe(701);
});
