/** The work in the background, on a disk that fails. */
import { expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { until } from "../../../../tests/support/until.js";
import { type FileSystem, realFiles } from "./files.js";
import { openEmbeddedStore } from "./open-embedded-store.js";

const QUEUE = "chouette:metrics:raw";

it("pauses after a failed run, so that a failing disk isn't written to without end", async () => {
  const folder = await newFolder();
  let runs = 0;
  const files: FileSystem = {
    ...realFiles,
    create: (path) => {
      const file = realFiles.create(path);
      if (!path.includes("run-")) return file;
      runs += 1;
      return { ...file, sync: () => Promise.reject(new Error("EIO")) };
    },
  };
  let troubles = 0;
  const { store } = await openEmbeddedStore({
    ...{ folder: folder.path, files, limits: { memoryBytes: 1_000 } },
    onTrouble: () => {
      troubles += 1;
    },
  });
  try {
    const append = async (index: number) =>
      store.append(QUEUE, [{ score: index, id: `${index}`, value: "x".repeat(1_000) }]);
    await append(0);
    await append(1);
    await until("the failure to be reported", async () => troubles === 1);
    for (let index = 2; index < 200; index++) await append(index);
    expect({ runs, troubles, size: await store.size(QUEUE) }).toEqual({ runs: 1, troubles: 1, size: 200 });
  } finally {
    await store.close();
    await folder.remove();
  }
});

it("deletes a run that the journal can't name, and has its records where they were", async () => {
  const folder = await newFolder();
  let fails = false;
  const files: FileSystem = {
    ...realFiles,
    rename: async (from, to) => {
      await realFiles.rename(from, to);
      fails = to.includes("run-");
    },
    create: (path) => {
      const file = realFiles.create(path);
      const writeNow = (bytes: Buffer, at: number) => {
        if (!fails) return file.writeNow(bytes, at);
        fails = false;
        throw new Error("EIO");
      };
      return { ...file, writeNow };
    },
  };
  const troubles: unknown[] = [];
  const { store } = await openEmbeddedStore({
    ...{ folder: folder.path, files, limits: { memoryBytes: 1_000 } },
    onTrouble: (error) => troubles.push(error),
  });
  try {
    const records = [0, 1, 2].map((index) => ({ score: index, id: `${index}`, value: "x".repeat(1_000) }));
    await store.append(QUEUE, records);
    await until("the failure to be reported", async () => troubles.length > 0);
    expect(troubles.map(String)).toEqual(["Error: EIO"]);
    expect((await realFiles.list(folder.path)).filter((name) => name.startsWith("run-"))).toEqual([]);
    expect((await store.read(QUEUE, { limit: 10 })).map(({ id }) => id)).toEqual(["0", "1", "2"]);
    expect(store.disk().runs).toBe(0);
  } finally {
    await store.close();
    await folder.remove();
  }
});
