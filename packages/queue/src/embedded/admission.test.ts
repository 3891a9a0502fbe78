/** Calls that wait for room in memory. */
import { expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { until } from "../../../../tests/support/until.js";
import { type FileSystem, realFiles } from "./files.js";
import { openEmbeddedStore } from "./open-embedded-store.js";

const QUEUE = "chouette:metrics:raw";
const BURST = 4_000;

function recordsOf(name: string, count: number) {
  return Array.from({ length: count }, (_, index) => ({
    ...{ score: index, id: `${name}${index}`, value: "x".repeat(100) },
  }));
}

/** A store of little memory, whose runs aren't on disk before a call of `finishRuns`. */
async function openWithSlowRuns() {
  const folder = await newFolder();
  let finishRuns = () => {};
  const onDisk = new Promise<void>((resolve) => {
    finishRuns = resolve;
  });
  const files: FileSystem = {
    ...realFiles,
    create: (path) => {
      const file = realFiles.create(path);
      return path.includes("run") ? { ...file, sync: () => onDisk.then(() => file.sync()) } : file;
    },
  };
  const { store } = await openEmbeddedStore({ folder: folder.path, files, limits: { memoryBytes: 200_000 } });
  return { folder, store, finishRuns: () => finishRuns() };
}

it("write to a run what memory doesn't hold, even if an agent only settles from its start on", async () => {
  const { folder, store, finishRuns } = await openWithSlowRuns();
  try {
    await store.settle({ add: [{ queue: QUEUE, records: recordsOf("first", BURST) }] });
    await new Promise(setImmediate);
    let isSettled = false;
    const settling = store.settle({ add: [{ queue: QUEUE, records: recordsOf("second", 1) }] });
    void settling.then(() => {
      isSettled = true;
    });
    await store.settle({ remove: [] });
    expect(isSettled, "memory is full until the run is on disk").toBe(false);
    finishRuns();
    await settling;
    await until("a run", async () => store.disk().runs === 1);
    expect(await store.size(QUEUE)).toBe(BURST + 1);
  } finally {
    await store.close();
    await folder.remove();
  }
});

it("are stored before what comes after them, though others make room meanwhile", async () => {
  const { folder, store, finishRuns } = await openWithSlowRuns();
  try {
    const records = recordsOf("burst", BURST);
    // Far more than memory should hold: it is being written to a run from now on.
    await store.append(QUEUE, records);
    await new Promise(setImmediate);
    const waiting = store.append(QUEUE, [{ score: BURST, id: "waiting", value: "1" }]);
    let isStored = false;
    void waiting.then(() => {
      isStored = true;
    });
    // What a flush does.
    await store.settle({ remove: [{ queue: QUEUE, records: records.slice(1) }] });
    expect(isStored, "the write waits: otherwise this shows nothing").toBe(false);
    // How a client learns what of it is stored.
    const answered = store.write([]);
    setTimeout(finishRuns, 50);
    await answered;
    const ids = (await store.read(QUEUE, { limit: 10 })).map(({ id }) => id);
    expect(ids).toEqual(["burst0", "waiting"]);
  } finally {
    await store.close();
    await folder.remove();
  }
});
