/**
 * Damages the embedded broker's files, as worn SD cards do. It starts whatever is in them, keeps all records outside
 * the damage, and counts the others or reports the loss as unknown.
 */
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { counterName } from "@chouette-iot/queue";
import { openEmbeddedStore } from "@chouette-iot/queue/embedded";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Block } from "../../packages/queue/src/embedded/block.js";
import { readChange } from "../../packages/queue/src/embedded/change-codec.js";
import { fileSeed, framesIn } from "../../packages/queue/src/embedded/frame.js";
import { INDEX_SEQUENCE } from "../../packages/queue/src/embedded/run-format.js";
import { readAll } from "../conformance/subject.js";
import { runChouette, startAgentProcess } from "../support/agent-process.js";
import { newFolder } from "../support/folders.js";
import { type Random, seededRandom } from "../support/random.js";

const QUEUE = "chouette:metrics:raw";
const RECORDS = 6_000;
const SETTLED = 1_500;
const SECTOR = 512;
/** Runs for each number of sectors; `DAMAGES=100` is a long test. */
const RUNS = Number(process.env.DAMAGES ?? 6);
const MAX_START_MS = 10_000;
/** So small that there are several segments and runs. */
const LIMITS = { segmentBytes: 200_000, memoryBytes: 500_000, segments: 3, carriedBytes: 10_000 };

let folder: Awaited<ReturnType<typeof newFolder>>;
let whole: string;
beforeEach(async () => {
  folder = await newFolder();
  whole = join(folder.path, "whole");
});
afterEach(() => folder.remove());

const open = (path: string) => openEmbeddedStore({ folder: path, limits: LIMITS });

async function fill(): Promise<void> {
  const { store } = await open(whole);
  for (let first = 0; first < RECORDS; first += 50) {
    const records = Array.from({ length: 50 }, (_, index) => ({
      score: first + index,
      id: `id${first + index}`,
      value: JSON.stringify({ metric: "a.metric", type: "count", value: index }).padEnd(130),
    }));
    await store.append(QUEUE, records);
  }
  for (let settled = 0; settled < SETTLED; settled += 500) {
    const records = await store.read(QUEUE, { limit: 500 });
    await store.settle({ remove: [{ queue: QUEUE, records, counter: "settled" }] });
  }
  await store.settle({ state: new Map([["a key", "its text"]]) });
  await store.close();
}

const dataFiles = (path: string) => readdirSync(path).filter((name) => /^(journal|run)-\d+$/.test(name));

/** Damages this many sectors of each file. @returns by file, the offsets of the sectors that may differ now */
function damage(path: string, sectors: number, random: Random): ReadonlyMap<string, readonly number[]> {
  const damaged = new Map<string, readonly number[]>();
  for (const name of dataFiles(path)) {
    const bytes = readFileSync(join(path, name));
    const places = Array.from({ length: sectors }, () => damageOne(bytes, random));
    writeFileSync(join(path, name), bytes);
    damaged.set(name, places.flat());
  }
  return damaged;
}

/** Zeroes a sector, garbles it, swaps it with another, or writes it, or everything from it on, to another offset. */
function damageOne(bytes: Buffer, random: Random): readonly number[] {
  const at = () => Math.floor((random() * bytes.length) / SECTOR) * SECTOR;
  const [place, other] = [at(), at()];
  const [sector, otherSector] = [place, other].map((from) =>
    Buffer.from(bytes.subarray(from, from + SECTOR)),
  );
  const kind = random();
  if (kind < 0.3) bytes.fill(0, place, Math.min(bytes.length, place + SECTOR));
  else if (kind < 0.6)
    for (let i = place; i < place + SECTOR && i < bytes.length; i++) bytes[i] = random() * 256;
  else if (kind < 0.9) {
    otherSector?.copy(bytes, place);
    if (kind < 0.75) sector?.copy(bytes, other);
    return [place, other];
  } else {
    bytes.copyWithin(place, other, bytes.length - SECTOR);
    return Array.from(
      { length: Math.ceil((bytes.length - place) / SECTOR) },
      (_, index) => place + index * SECTOR,
    );
  }
  return [place];
}

/** Records of which a copy is outside the damage. */
function untouched(path: string, damaged: ReadonlyMap<string, readonly number[]>): ReadonlySet<string> {
  const touched = new Set<string>();
  const seen = new Set<string>();
  for (const [name, places] of damaged) {
    for (const { sequence, body, start, end } of framesIn(
      readFileSync(join(path, name)),
      seedOf(name),
      () => {},
    )) {
      const isTouched = places.some((place) => place < end && place + SECTOR > start);
      for (const id of idsIn(name, sequence, body)) {
        seen.add(id);
        if (isTouched) touched.add(id);
      }
    }
  }
  return new Set([...seen].filter((id) => !touched.has(id)));
}

function seedOf(name: string): number {
  const [kind, number] = name.split("-");
  return fileSeed(kind === "run" ? "run" : "journal", Number(number));
}

function idsIn(name: string, sequence: number, body: Buffer): readonly string[] {
  if (name.startsWith("journal")) {
    return (readChange(body).writes ?? []).flatMap(({ records }) => records.map(({ id }) => id));
  }
  if (sequence === 0 || sequence >= INDEX_SEQUENCE) return [];
  const block = new Block(body);
  return Array.from({ length: block.count }, (_, index) => block.position(index)?.id ?? "");
}

describe("with damaged sectors in each of its files", () => {
  it.each([1, 4, 10, 40])("it starts, and keeps what lies outside the damage: %d", async (sectors) => {
    await fill();
    const { store: original } = await open(join(copyOf(whole, "original")));
    const before = new Set((await readAll(original, QUEUE)).map(({ id }) => id));
    await original.close();
    for (let run = 0; run < RUNS; run++) {
      const path = copyOf(whole, "damaged");
      const damaged = damage(path, sectors, seededRandom(run * 100 + sectors));
      const began = performance.now();
      const { store, losses } = await open(path);
      expect(performance.now() - began).toBeLessThan(MAX_START_MS);
      const left = await readAll(store, QUEUE);
      const ids = new Set(left.map(({ id }) => id));
      expect(ids.size).toBe(left.length);
      const kept = untouched(whole, damaged);
      const missing = [...before].filter((id) => kept.has(id) && !ids.has(id));
      expect([run, missing]).toEqual([run, []]);
      // Records found missing during a read are counted in a separate step.
      await store.append(QUEUE, [{ score: 1, id: "after", value: "{}" }]);
      const counters = await store.counters();
      const counted = counters.get(counterName(QUEUE, "damaged")) ?? 0;
      if (losses?.isUnknown !== true) {
        const accounts = { left: left.length + counted, settled: counters.get("settled") };
        expect([run, accounts]).toEqual([run, { left: RECORDS - SETTLED, settled: SETTLED }]);
      }
      await store.close();
      const again = await open(path);
      expect((await readAll(again.store, QUEUE)).length).toBe(left.length + 1);
      await again.store.close();
    }
  }, 600_000);
});

describe("whatever is in its folder", () => {
  it("it starts", async () => {
    await fill();
    const [first = "", ...rest] = dataFiles(whole);
    const cases: readonly ((path: string) => void)[] = [
      (path) => truncateSync(join(path, first), 100),
      (path) => truncateSync(join(path, rest.at(-1) ?? ""), 0),
      (path) => writeFileSync(join(path, first), "CHF1".repeat(20_000)),
      (path) => rmSync(join(path, first)),
      (path) => rmSync(join(path, rest.at(-1) ?? "")),
      (path) => cpSync(join(path, rest.at(-1) ?? ""), join(path, "journal-0000099999")),
      (path) => writeFileSync(join(path, "run-0000099999"), Buffer.alloc(100_000, 0xff)),
      (path) => writeFileSync(join(path, "chouette.mdb"), "no LMDB file"),
      (path) => writeFileSync(join(path, "chouette.mdb"), Buffer.alloc(0)),
      (path) => writeFileSync(join(path, "reserve"), "short"),
      (path) => writeFileSync(join(path, "an unknown file"), "?"),
    ];
    for (const [index, change] of cases.entries()) {
      const path = copyOf(whole, `case-${index}`);
      change(path);
      const { store } = await open(path);
      await store.append(QUEUE, [{ score: 1, id: "after", value: "{}" }]);
      const left = await readAll(store, QUEUE);
      await store.close();
      const again = await open(path);
      expect([index, await readAll(again.store, QUEUE)]).toEqual([index, left]);
      await again.store.close();
    }
  }, 120_000);
});

function copyOf(path: string, name: string): string {
  const copy = join(folder.path, name);
  rmSync(copy, { recursive: true, force: true });
  cpSync(path, copy, { recursive: true });
  return copy;
}

describe("one process at a time has the store", () => {
  it("however many open it at once", async () => {
    const opened = await Promise.allSettled(Array.from({ length: 5 }, () => open(folder.path)));
    const stores = opened.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value.store] : []));
    expect(stores.length).toBeLessThanOrEqual(1);
    for (const outcome of opened) {
      if (outcome.status === "rejected") expect(outcome.reason.message).toContain("another process");
    }
    for (const store of stores) await store.close();
    const { store } = await open(folder.path);
    await store.close();
    expect(readdirSync(folder.path).filter((name) => name.startsWith(".lock"))).toEqual([]);
  });

  it("and a second agent says so and ends, until the first is gone, in whatever way", async () => {
    const settings = {
      CHOUETTE_LISTEN: "127.0.0.1:0",
      CHOUETTE_DATA_DIR: folder.path,
    };
    const first = await startAgentProcess(settings);
    const second = runChouette(["agent"], settings);
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain("another process has the store");
    await first.end("SIGKILL");
    const third = await startAgentProcess(settings);
    expect(await third.end()).toBe(0);
  });
});

it("the agent reports what it lost, and goes on", async () => {
  await fill();
  for (const name of dataFiles(whole)) {
    const bytes = readFileSync(join(whole, name));
    writeFileSync(join(whole, name), bytes.fill(0, 0, SECTOR));
  }
  const settings = { CHOUETTE_LISTEN: "127.0.0.1:0", CHOUETTE_DATA_DIR: whole };
  const agent = await startAgentProcess(settings);
  expect(agent.output()).toContain("records lost: files were damaged");
  expect(await agent.end()).toBe(0);
});
