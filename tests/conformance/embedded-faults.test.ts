/** Promises of the embedded engine when processes are killed, disks are full or slow, and backlogs are large. */
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { counterName } from "@chouette-iot/queue";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { realFiles } from "@chouette-iot/queue/embedded/files";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FailingDisk } from "../support/failing-disk.js";
import { newFolder } from "../support/folders.js";
import { run } from "../support/running.js";
import { SmallDisk } from "../support/small-disk.js";
import { until } from "../support/until.js";
import { BATCH, expectWhole } from "./batches.js";
import { numbered, OTHER, QUEUE, record } from "./records.js";
import { readAll } from "./subject.js";

const CHILD = fileURLToPath(new URL("embedded-child.mjs", import.meta.url));
const BACKLOG = fileURLToPath(new URL("embedded-backlog.mjs", import.meta.url));
/** `KILLS=200` is a long test. */
const KILLS = Number(process.env.KILLS ?? 9);
/** After so many it starts with an empty folder, since everything is read after each kill. */
const KILLS_OF_A_FOLDER = 20;

let folder: Awaited<ReturnType<typeof newFolder>>;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(() => folder.remove());

const open = (options: Partial<Parameters<typeof openEmbeddedStore>[0]> = {}) =>
  openEmbeddedStore({ folder: folder.path, ...options });

describe("after kill -9", () => {
  it("what was confirmed is there, each append and each settlement whole or not at all", async () => {
    const appended = new Set<number>();
    const settled = new Set<number>();
    let [next, batches] = [1, 0];
    for (let kills = 0; kills < KILLS; kills++) {
      if (kills % KILLS_OF_A_FOLDER === 0) {
        await folder.remove();
        folder = await newFolder();
        batches += settled.size;
        appended.clear();
        settled.clear();
        next = 1;
      }
      const moving = run(process.execPath, [CHILD, folder.path, `${next}`, `${BATCH}`, "Infinity"]);
      await moving.wrote(new RegExp(`appended ${next + (kills % 40) * 3}\n`));
      expect(await moving.end("SIGKILL")).toBe("SIGKILL");
      for (const batch of numbersAfter("appended", moving.output())) appended.add(batch);
      for (const batch of numbersAfter("settled", moving.output())) settled.add(batch);
      const { store, losses } = await open();
      await expectWhole(store, appended, settled);
      expect([...(losses?.lost ?? [])]).toEqual([]);
      const [last = "0"] = await store.state(["last"]);
      expect(Number(last)).toBeGreaterThanOrEqual(Math.max(0, ...settled));
      await store.close();
      // The batch in progress may exist or not, so it isn't repeated.
      next = Math.max(...appended) + 2;
    }
    expect(batches + settled.size).toBeGreaterThan(KILLS);
  }, 900_000);
});

describe("on a full disk", () => {
  it("records are refused with an error that says so, settlements go through, and it goes on by itself", async () => {
    const disk = new SmallDisk(1_000_000);
    const reasons: (string | undefined)[] = [];
    const { store } = await open({ files: disk.files, onFull: (reason) => reasons.push(reason) });
    let stored = 0;
    const fill = async () => {
      for (;;) {
        await store.append(QUEUE, numbered(100, { from: stored }));
        stored += 100;
      }
    };
    await expect(fill()).rejects.toThrow("is full");
    expect(stored).toBeGreaterThan(1_000);
    expect(reasons).toHaveLength(1);
    let settled = 0;
    for (let page = await store.read(QUEUE, { limit: 50 }); page.length > 0; ) {
      await store.settle({
        remove: [{ queue: QUEUE, records: page, counter: "gone" }],
        add: [{ queue: OTHER, records: [record(settled, `ready-${settled}`)] }],
        state: new Map([["last", `${settled}`]]),
      });
      settled += page.length;
      page = await store.read(QUEUE, { limit: 50 });
    }
    expect(settled).toBe(stored);
    const append = () =>
      store.append(QUEUE, [record(1, "again")]).then(
        () => true,
        () => false,
      );
    await until("records to be taken again", append, 10_000);
    expect(reasons.at(-1)).toBeUndefined();
    await store.close();
    const { store: reopened } = await open({ files: disk.files });
    expect(await readAll(reopened, QUEUE)).toEqual([record(1, "again")]);
    expect((await reopened.counters()).get("gone")).toBe(stored);
    await reopened.close();
  }, 60_000);

  it("it starts, shows what it has, and settles", async () => {
    const disk = new SmallDisk(1_000_000);
    const { store } = await open({ files: disk.files });
    await store.append(QUEUE, numbered(500));
    await store.close();
    disk.fill();
    const { store: full } = await open({ files: disk.files });
    await expect(full.append(QUEUE, [record(1, "x")])).rejects.toThrow("is full");
    await full.settle({ remove: [{ queue: QUEUE, records: numbered(500), counter: "gone" }] });
    expect(await full.size(QUEUE)).toBe(0);
    await full.close();
  });
});

describe("on a slow disk", () => {
  it("nobody waits for a flush, unless each write is flushed", async () => {
    const disk = new FailingDisk();
    disk.flushMs = 500;
    const { store } = await open({ files: disk.files, fsync: 10 });
    const times: number[] = [];
    for (let call = 0; call < 300; call++) {
      const began = performance.now();
      await store.append(QUEUE, numbered(1, { from: call }));
      times.push(performance.now() - began);
      await sleep(3);
    }
    // Load may delay some. If they waited for flushes, most would take 500 ms.
    const median = times.sort((a, b) => a - b)[times.length / 2] ?? 0;
    expect(median).toBeLessThan(20);
    expect(times.at(-10)).toBeLessThan(200);
    await store.close();
    const { store: always } = await open({ files: disk.files, fsync: "always" });
    const began = performance.now();
    await Promise.all(numbered(50).map((one) => always.append(OTHER, [one])));
    expect(performance.now() - began).toBeGreaterThan(400);
    expect(performance.now() - began).toBeLessThan(3_000);
    await always.close();
  }, 30_000);
});

describe("with a large backlog", () => {
  it("memory holds no more than its bounds, while it is read through and settled", async () => {
    const args = ["--expose-gc", "--max-semi-space-size=4", BACKLOG, folder.path, "400000"];
    const reading = run(process.execPath, args);
    await reading.wrote("done", 120_000);
    const [, read, openedMs, heldMb] =
      /read (\d+), opened in (\d+) ms, holding (\d+) MB/.exec(reading.output()) ?? [];
    expect(Number(read)).toBe(400_000);
    expect(Number(openedMs)).toBeLessThan(10_000);
    expect(Number(heldMb)).toBeLessThan(40);
  }, 150_000);
});

describe("a change that can't be stored", () => {
  it("is refused whole, and takes no other with it", async () => {
    const { store } = await open();
    const good = { score: 1, id: "good", value: "{}" };
    const longest = { score: 2, id: "ä".repeat(512), value: "{}" };
    const tooLong = { score: 3, id: "ä".repeat(513), value: "{}" };
    const outcomes = await Promise.allSettled([
      store.append(QUEUE, [good]),
      store.append(QUEUE, [{ ...good, id: "beside it" }, tooLong]),
      store.settle({
        remove: [{ queue: QUEUE, records: [good] }],
        add: [{ queue: QUEUE, records: [tooLong] }],
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
    const key = "k".repeat(5_000);
    await store.settle({ state: new Map([[key, "text"]]), count: new Map([[key, 1]]) });
    await store.close();
    const { store: reopened } = await open();
    expect(await readAll(reopened, QUEUE)).toEqual([good, longest]);
    expect(await reopened.state([key])).toEqual(["text"]);
    await reopened.close();
  });
});

describe("the files", () => {
  it("are the agent's user's alone, whoever made the folder", async () => {
    for (const round of ["made by somebody else", "with an older version's files in it"]) {
      chmodSync(folder.path, 0o755);
      const { store } = await open();
      await store.append(QUEUE, numbered(1));
      expect(await modesOfFiles(), round).toEqual(new Set([0o600]));
      expect(modeOf(folder.path), round).toBe(0o700);
      await store.close();
    }
  });

  it("are the agent's user's alone in a folder that others use as well, whose mode is left as it is", async () => {
    const sticky = 0o1777;
    for (const mode of [0o755, sticky]) {
      chmodSync(folder.path, mode);
      if (mode !== sticky) writeFileSync(join(folder.path, "somebody else's"), "", { mode: 0o600 });
      const { store } = await open();
      await store.append(QUEUE, numbered(1));
      expect(await modesOfFiles()).toEqual(new Set([0o600]));
      expect(modeOf(folder.path)).toBe(mode);
      await store.close();
    }
  });
});

describe("the files of version 0.1.0", () => {
  it("are taken over", async () => {
    unpack("store-0.1.0.mdb.gz");
    const { store, takenOver, losses } = await open();
    expect(losses).toBeUndefined();
    expect(takenOver).toEqual({ records: 2_072, lost: 0, isUnknown: false });
    const text = JSON.stringify({ row: 7, text: "größer \u{1f989}" });
    const raw = await readAll(store, QUEUE);
    expect(raw).toHaveLength(71);
    expect(raw).toContainEqual({
      score: 1_700_000_000.123456,
      id: "\u0001b7",
      value: text,
    });
    expect(raw).toContainEqual({ score: 3, id: "id alone", value: undefined });
    expect(await store.orphans(QUEUE, 10)).toEqual([{ id: "value alone", value: "{}" }]);
    expect(await store.size(OTHER)).toBe(2_000);
    expect(await store.state(["window:1", "empty", "chouette:client:a"])).toEqual([
      "größer",
      "",
      "1763800000000 batch 7",
    ]);
    expect((await store.counters()).get(counterName(OTHER, "delivered"))).toBe(1_000);
    expect(await realFiles.list(folder.path)).not.toContain("chouette.mdb");
    await store.close();
  });

  it("are taken over as far as they can be read, and what is missing is counted", async () => {
    unpack("damaged-null-id.mdb.gz");
    const { store, takenOver, losses } = await open();
    expect(takenOver).toEqual({ records: 16_425, lost: 155, isUnknown: false });
    expect(losses?.movedTo).toBeDefined();
    expect((await store.counters()).get(counterName(OTHER, "damaged"))).toBe(111);
    await store.close();
    const again = await open();
    expect(again.takenOver).toBeUndefined();
    expect(await again.store.size(OTHER)).toBe(11_589);
    await again.store.close();
  });

  it("are moved away if they take too long to read, and the store starts", async () => {
    unpack("store-0.1.0.mdb.gz");
    const { store, takenOver, losses } = await open({ maxRecoveryMs: 0 });
    expect(takenOver).toEqual({ records: 0, lost: 0, isUnknown: true });
    expect(await realFiles.list(losses?.movedTo ?? "")).toEqual(["chouette.mdb"]);
    await store.append(QUEUE, numbered(1));
    await store.close();
  });
});

function unpack(fixture: string): void {
  const packed = readFileSync(new URL(`../fixtures/${fixture}`, import.meta.url));
  writeFileSync(join(folder.path, "chouette.mdb"), gunzipSync(packed));
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}

async function modesOfFiles(): Promise<ReadonlySet<number>> {
  const names = await realFiles.list(folder.path);
  const files = names.filter((name) => !name.startsWith(".lock"));
  return new Set(files.map((name) => modeOf(join(folder.path, name))));
}

function numbersAfter(word: string, output: string): ReadonlySet<number> {
  // The last line may have been cut by the kill.
  const lines = output
    .slice(0, output.lastIndexOf("\n") + 1)
    .matchAll(new RegExp(`^${word} (\\d+)\\b`, "gm"));
  return new Set([...lines].map(([, number]) => Number(number)));
}
