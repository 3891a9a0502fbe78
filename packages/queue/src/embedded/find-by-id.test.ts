import { expect, it, onTestFinished } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { until } from "../../../../tests/support/until.js";
import { type FileSystem, realFiles } from "./files.js";
import { openEmbeddedStore } from "./open-embedded-store.js";
import { BLOCK_BYTES } from "./run-format.js";

const QUEUE = "chouette:metrics:raw";
const RECORDS = 10_000;
const LIMITS = { memoryBytes: 100_000 };

it("values are found by their ids without reading through the queue, whether they are there or not", async () => {
  const folder = await newFolder();
  onTestFinished(folder.remove);
  const filled = await openEmbeddedStore({ folder: folder.path, limits: LIMITS });
  for (let from = 0; from < RECORDS; from += 500) {
    const records = Array.from({ length: 500 }, (_, n) => ({
      ...{ score: from + n, id: `id-${from + n}`, value: `${from + n}`.padEnd(200) },
    }));
    await filled.store.append(QUEUE, records);
  }
  await until("the records to be on disk", () => filled.store.disk().runs > 0);
  await filled.store.close();

  let bytesRead = 0;
  const files: FileSystem = {
    ...realFiles,
    openForReading: (path) => {
      const file = realFiles.openForReading(path);
      const read: typeof file.read = (buffer, position) => {
        bytesRead += buffer.length;
        return file.read(buffer, position);
      };
      return { ...file, read };
    },
  };
  const { store } = await openEmbeddedStore({ folder: folder.path, limits: LIMITS, files });
  const ids = [0, 3_333, 9_000].map((n) => `id-${n}`);
  bytesRead = 0;
  const values = await store.values(QUEUE, [...ids, "nobody's", "id-10000"]);
  expect(values.map((value) => value?.trim())).toEqual(["0", "3333", "9000", undefined, undefined]);
  // Of each that is there a block, and a part of a table of ids, in one run or a few that may have it.
  expect(bytesRead).toBeGreaterThan(0);
  expect(bytesRead).toBeLessThan(ids.length * 3 * BLOCK_BYTES);
  await store.close();
});
