/** What the LMDB engine promises where processes are killed, disks are full and backlogs are large. */
import { fileURLToPath } from "node:url";
import { LmdbStore } from "@chouette-iot/queue/lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newFolder } from "../support/folders.js";
import { run } from "../support/running.js";
import { BATCH, expectWhole } from "./batches.js";
import { QUEUE } from "./records.js";
import { readAll } from "./subject.js";

const CHILD = fileURLToPath(new URL("lmdb-child.mjs", import.meta.url));
const BACKLOG = fileURLToPath(new URL("lmdb-backlog.mjs", import.meta.url));

let folder: Awaited<ReturnType<typeof newFolder>>;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(() => folder.remove());

function child(first: number, batches = Infinity) {
  return run(process.execPath, [CHILD, folder.path, `${first}`, `${BATCH}`, `${batches}`]);
}

describe("after kill -9", () => {
  it("all that was confirmed is there, each append and each settlement whole or not at all", async () => {
    const appended = new Set<number>();
    const settled = new Set<number>();
    let next = 1;
    for (let kills = 0; kills < 12; kills++) {
      const moving = child(next);
      await moving.wrote(new RegExp(`appended ${next + kills * 3}\n`));
      expect(await moving.end("SIGKILL")).toBe("SIGKILL");
      for (const batch of numbersAfter("appended", moving.output())) appended.add(batch);
      for (const batch of numbersAfter("settled", moving.output())) settled.add(batch);
      await expectWholeOnDisk(appended, settled);
      // The one that was under way may have come into force or not: it is not begun again.
      next = Math.max(...appended) + 2;
    }
    expect(settled.size).toBeGreaterThan(12);
  });
});

describe("on a full disk", () => {
  it("refuses what it can't store, loses nothing of what it has, and goes on", async () => {
    // A limit on the size of files stands for the full disk: writing beyond it fails in the same way. LMDB's own
    // words on stderr have no end of line and would run into the child's.
    const limited = `ulimit -f 256; exec "$0" "$@" 2>/dev/null`;
    const args = [limited, process.execPath, CHILD, folder.path, "1", `${BATCH}`, "150"];
    const moving = run("bash", ["-c", ...args]);
    await moving.wrote("closed");
    expect(await moving.ended).toBe(0);
    const output = moving.output();
    expect(numbersAfter("refused", output).size).toBeGreaterThan(10);
    await expectWholeOnDisk(numbersAfter("appended", output), numbersAfter("settled", output));

    const afterwards = child(1_001, 2);
    expect(await afterwards.ended).toBe(0);
    expect(numbersAfter("appended", afterwards.output())).toEqual(new Set([1_001, 1_002]));
  });
});

describe("with a large backlog", () => {
  it("holds a part of the file in memory, not all of it, while it is read through and settled", async () => {
    const reading = run(process.execPath, [BACKLOG, folder.path, "400000"]);
    await reading.wrote("done", 60_000);
    const [, read, fileMb, grownMb] =
      /read (\d+), file (\d+) MB, grown by (\d+) MB/.exec(reading.output()) ?? [];
    expect(Number(read)).toBe(400_000);
    expect(Number(fileMb)).toBeGreaterThan(70);
    expect(Number(grownMb)).toBeLessThan(60);
  }, 90_000);
});

describe("a change that can't be stored", () => {
  it("is refused whole, and takes no other with it", async () => {
    const store = new LmdbStore({ directory: folder.path });
    const good = { score: 1, id: "good", value: "{}" };
    const longest = { score: 2, id: "ä".repeat(512), value: "{}" };
    const tooLong = { score: 3, id: "ä".repeat(513), value: "{}" };
    const outcomes = await Promise.allSettled([
      store.append(QUEUE, [good]),
      store.append(QUEUE, [{ ...good, id: "beside it" }, tooLong]),
      store.settle({
        remove: [{ queue: QUEUE, records: [good] }],
        add: [{ queue: QUEUE, records: [{ ...good, id: "" }] }],
      }),
      store.write([{ queue: QUEUE, id: "x".repeat(1_025), score: 1 }]),
      store.append(QUEUE, [longest]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "rejected",
      "rejected",
      "fulfilled",
    ]);
    expect(await readAll(store, QUEUE)).toEqual([good, longest]);
    await store.close();
  });
});

async function expectWholeOnDisk(appended: ReadonlySet<number>, settled: ReadonlySet<number>): Promise<void> {
  const store = new LmdbStore({ directory: folder.path });
  try {
    await expectWhole(store, appended, settled);
    const [last] = await store.notes(["last"]);
    if (settled.size > 0) expect(Number(last)).toBeGreaterThanOrEqual(Math.max(...settled));
  } finally {
    await store.close();
  }
}

function numbersAfter(word: string, output: string): ReadonlySet<number> {
  // The last line may have been cut by the kill.
  const lines = output
    .slice(0, output.lastIndexOf("\n") + 1)
    .matchAll(new RegExp(`^${word} (\\d+)\\b`, "gm"));
  return new Set([...lines].map(([, number]) => Number(number)));
}
