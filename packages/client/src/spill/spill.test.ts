/** The files of the spill: what becomes of records in them, whatever happens to the folder. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { addRow, emptyRows, type Rows } from "../rows.js";
import { NOBODY, thisProcess } from "./owner.js";
import { Spill } from "./spill.js";

const MEGABYTE = 1024 * 1024;
const MAX_PID = 2 ** 22;
let parent: Awaited<ReturnType<typeof newFolder>>;
let folder: string;
let errors: string[];
let dropped: [reason: string, records: number][];
let recovered: number[];

beforeEach(async () => {
  parent = await newFolder();
  folder = join(parent.path, "below", "spill");
  errors = [];
  dropped = [];
  recovered = [];
});
afterEach(() => parent.remove());

function open(maxBytes = 100 * MEGABYTE, clientId = "me"): Spill {
  return new Spill({ folder, maxBytes }, clientId, {
    onError: ({ message }) => void errors.push(message),
    onSpillDropped: (reason, records) => void dropped.push([reason, records]),
    onRecovered: (records) => void recovered.push(records),
  });
}

/** @param bytes of the values together, about */
function rowsOf(name: string, records = 1, bytes = 0): Rows {
  const rows = emptyRows("q");
  const pad = "p".repeat(bytes / records);
  for (let row = 0; row < records; row++) addRow(rows, `${row}.5`, `${name}${row}`, `{"metric":"${pad}é"}`);
  return rows;
}

const files = () => readdirSync(folder).sort();
const nameOf = (id: string, owner = thisProcess()) => `${id}.${owner}.spill`;
const dead = `${MAX_PID + 1}-1`;

/** The ids of the records of everything that is read, as long as there is something, removing what was read. */
async function drained(spill: Spill): Promise<readonly (readonly string[])[]> {
  const all: (readonly string[])[] = [];
  for (let read = await spill.read(); read !== undefined; read = await spill.read()) {
    all.push(read.batches.flatMap(({ rows }) => rows.ids));
    spill.sent(read.segment, read.batches.flatMap(({ rows }) => rows.ids).length);
    spill.remove(read.segment);
  }
  return all;
}

test("what is written is read once, from a file that no other user can read", async () => {
  const spill = open();
  expect([spill.isEmpty, await spill.read()]).toEqual([true, undefined]);
  const doubt = { marker: "m", sequence: "3", carrier: { id: "1", address: "a:1" } };
  spill.write(rowsOf("a", 3));
  spill.write(rowsOf("b", 2), doubt);
  expect(files()).toEqual([nameOf("me10")]);
  expect(statSync(join(folder, nameOf("me10"))).mode & 0o777).toBe(0o600);
  expect([spill.records, spill.isEmpty]).toEqual([5, false]);
  const read = await spill.read();
  expect(read).toMatchObject({
    batches: [{ rows: rowsOf("a", 3) }, { rows: rowsOf("b", 2), doubt }],
    torn: 0,
    segment: { id: "me10", records: 5, bytes: statSync(join(folder, nameOf("me10"))).size },
  });
  if (read === undefined) return;
  spill.sent(read.segment, 3);
  expect(spill.records).toBe(2);
  // What is read can't grow any more.
  spill.write(rowsOf("c"));
  expect(files()).toEqual([nameOf("me10"), nameOf("me11")]);
  spill.sent(read.segment, 2);
  spill.remove(read.segment);
  expect(files()).toEqual([nameOf("me11")]);
  expect(await drained(spill)).toEqual([["c0"]]);
  expect([files(), spill.isEmpty, spill.records]).toEqual([[], true, 0]);
  expect({ errors, dropped, recovered }).toEqual({ errors: [], dropped: [], recovered: [] });
});

test("a file takes about a megabyte, and the oldest is read while the last is written to", async () => {
  const spill = open();
  const half = 0.6 * MEGABYTE;
  for (const name of ["a", "b", "c"]) spill.write(rowsOf(name, 1, half));
  expect(files()).toEqual([nameOf("me10"), nameOf("me11")]);
  expect((await spill.read())?.batches.map(({ rows }) => rows.ids)).toEqual([["a0"], ["b0"]]);
  spill.write(rowsOf("d", 1, half));
  expect(files()).toHaveLength(2);
  expect(await drained(spill)).toEqual([
    ["a0", "b0"],
    ["c0", "d0"],
  ]);
});

test("beyond its limit the oldest file leaves, counted, but none that is being sent", async () => {
  const spill = open(2.5 * MEGABYTE);
  for (const name of ["a", "b"]) spill.write(rowsOf(name, 4, 1.1 * MEGABYTE));
  expect(dropped).toEqual([]);
  spill.write(rowsOf("c", 5, 1.1 * MEGABYTE));
  expect([dropped, spill.records]).toEqual([[["spill_full", 4]], 9]);
  expect(files()).toEqual([nameOf("me11"), nameOf("me12")]);
  expect((await spill.read())?.segment.id).toBe("me11");
  spill.write(rowsOf("d", 6, 1.1 * MEGABYTE));
  expect(dropped.slice(1)).toEqual([["spill_full", 5]]);
  expect(files()).toEqual([nameOf("me11"), nameOf("me13")]);
  expect(await drained(spill)).toEqual([
    [0, 1, 2, 3].map((row) => `b${row}`),
    [0, 1, 2, 3, 4, 5].map((row) => `d${row}`),
  ]);
});

test("a single file may be larger than the limit; the one that is written to leaves if the other is being sent", async () => {
  const spill = open(1_000);
  spill.write(rowsOf("a", 1, 5_000));
  expect([dropped, spill.records]).toEqual([[], 1]);
  expect((await spill.read())?.segment.id).toBe("me10");
  spill.write(rowsOf("b", 2, 5_000));
  expect([dropped, files()]).toEqual([[["spill_full", 2]], [nameOf("me10")]]);
  spill.write(rowsOf("c", 1));
  expect([dropped.length, files()]).toEqual([2, [nameOf("me10")]]);
  expect(await drained(spill)).toEqual([["a0"]]);
});

test("exactly the limit is within it", () => {
  const spill = open();
  spill.write(rowsOf("a"));
  const bytes = statSync(join(folder, nameOf("me10"))).size;
  const limited = open(2 * bytes, "other");
  limited.write(rowsOf("a"));
  void limited.read();
  limited.write(rowsOf("b"));
  expect(dropped).toEqual([]);
});

test("a torn line costs its own record, counted when the file is done with", async () => {
  const spill = open();
  spill.write(rowsOf("a", 2));
  const first = await spill.read();
  if (first === undefined) throw new Error("nothing to read");
  spill.sent(first.segment, 1);
  spill.remove(first.segment);
  expect(dropped).toEqual([["spill_torn", 1]]);
});

describe("another client's file", () => {
  const write = (name: string, ...texts: string[]) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), texts.join(""));
  };
  const text = (id: string, records = 1) =>
    `#{"queue":"q"}\n${Array.from({ length: records }, (_, row) => `1 ${id}${row} {}\n`).join("")}`;

  test("is taken over if its client is gone, oldest first, and its records are counted as they are read", async () => {
    write(nameOf("b", dead), text("b", 2), "torn");
    write(nameOf("a", NOBODY), text("a", 3));
    write(nameOf("alive"), text("alive"));
    write("c.spill", text("c"));
    write(`${nameOf("d", dead)}.unreadable`, text("d"));
    mkdirSync(join(folder, nameOf("e", dead)));
    const spill = open();
    expect(files()).toEqual(
      [
        nameOf("a"),
        nameOf("alive"),
        nameOf("b"),
        "c.spill",
        `${nameOf("d", dead)}.unreadable`,
        nameOf("e", dead),
      ].sort(),
    );
    expect([spill.isEmpty, spill.records, recovered]).toEqual([false, 0, []]);
    const first = await spill.read();
    expect([first?.segment.id, spill.records, recovered]).toEqual(["a", 3, [3]]);
    // Read once more, it isn't counted once more.
    await spill.read();
    expect(recovered).toEqual([3]);
    expect(await drained(spill)).toEqual([
      ["a0", "a1", "a2"],
      ["b0", "b1"],
    ]);
    expect([recovered, dropped]).toEqual([[3, 3], [["spill_torn", 1]]]);
    expect(errors).toEqual([]);
  });

  test("counts for the limit with its size, and its records as recovered and dropped", () => {
    write(nameOf("a", dead), text("a", 200));
    const spill = open(1_000);
    spill.write(rowsOf("mine"));
    expect([recovered, dropped]).toEqual([[200], [["spill_full", 200]]]);
    expect([files(), spill.records]).toEqual([[nameOf("me10")], 1]);
  });

  test("that vanishes before it was read costs an unknown number of records, and nothing else", async () => {
    write(nameOf("a", dead), text("a", 200));
    write(nameOf("b", dead), text("b", 200));
    const spill = open(1_000);
    rmSync(join(folder, nameOf("a")));
    spill.write(rowsOf("mine"));
    expect(errors).toEqual([
      `the spill file ${nameOf("a")} has vanished; an unknown number of records is lost`,
    ]);
    expect(dropped).toEqual([["spill_full", 200]]);
    expect(await drained(spill)).toEqual([["mine0"]]);
  });

  test("that can't be renamed stays where it is", () => {
    write(nameOf("a", dead), text("a"));
    mkdirSync(join(folder, nameOf("a"), "in the way"), { recursive: true });
    expect([open().isEmpty, errors]).toEqual([true, []]);
    expect(files()).toContain(nameOf("a", dead));
  });
});

test("a client that is done releases its files for others, and may go on with a new one", async () => {
  const first = open();
  first.write(rowsOf("a", 2));
  first.release();
  expect(files()).toEqual([nameOf("me10", NOBODY)]);
  const second = open(undefined, "other");
  expect(files()).toEqual([nameOf("me10")]);
  first.write(rowsOf("b"));
  expect(files()).toEqual([nameOf("me10"), nameOf("me11")]);
  expect(await drained(second)).toEqual([["a0", "a1"]]);
  expect(recovered).toEqual([2]);
});

describe("a folder that", () => {
  test("can't be made is an error, until it can: then other clients' files are found, too", async () => {
    mkdirSync(join(parent.path, "below"));
    writeFileSync(folder, "a file in its place");
    const spill = open();
    expect(errors).toHaveLength(1);
    expect(() => spill.write(rowsOf("a"))).toThrow();
    expect([spill.isEmpty, spill.records]).toEqual([true, 0]);
    rmSync(folder);
    mkdirSync(folder);
    writeFileSync(join(folder, nameOf("old", dead)), '#{"queue":"q"}\n1 old {}\n');
    spill.write(rowsOf("b"));
    writeFileSync(join(folder, nameOf("late", dead)), '#{"queue":"q"}\n1 late {}\n');
    expect(await drained(spill)).toEqual([["old"], ["b0"]]);
    // Looked for once only.
    spill.write(rowsOf("c"));
    expect(await drained(spill)).toEqual([["c0"]]);
    expect(errors).toHaveLength(1);
  });

  test("is removed costs the records in it, and is made again", async () => {
    const spill = open();
    spill.write(rowsOf("a", 3));
    rmSync(folder, { recursive: true });
    spill.write(rowsOf("b"));
    expect(errors).toEqual([`the spill file ${nameOf("me10")} has vanished; 3 records are lost`]);
    expect([dropped, spill.records]).toEqual([[["spill_lost", 3]], 1]);
    expect(await drained(spill)).toEqual([["b0"]]);
  });

  test("is replaced while a file is open costs the records in it", async () => {
    const spill = open();
    spill.write(rowsOf("a", 3));
    const path = join(folder, nameOf("me10"));
    renameSync(path, `${path}.moved`);
    appendFileSync(path, "");
    spill.write(rowsOf("b"));
    expect([dropped, files().includes(nameOf("me11"))]).toEqual([[["spill_lost", 3]], true]);
  });
});

test("a file that can't be read is moved away, and blocks none behind it", async () => {
  const spill = open();
  spill.write(rowsOf("a", 3, 1.1 * MEGABYTE));
  spill.write(rowsOf("b"));
  const path = join(folder, nameOf("me10"));
  rmSync(path);
  mkdirSync(path);
  const read = await spill.read();
  expect(read?.batches.flatMap(({ rows }) => rows.ids)).toEqual(["b0"]);
  expect(errors).toEqual([
    expect.stringMatching(
      /^the spill file me10\.\S+ can't be read: EISDIR.*; 3 records are lost; it was moved to me10\.\S+\.spill\.unreadable$/,
    ),
  ]);
  expect([dropped, existsSync(`${path}.unreadable`)]).toEqual([[["spill_lost", 3]], true]);
  // What is written now doesn't go to the file that is being sent.
  spill.write(rowsOf("c"));
  expect(files()).toContain(nameOf("me12"));
});

test("a file that was sent and can't be removed is an error", async () => {
  const spill = open();
  spill.write(rowsOf("a"));
  const read = await spill.read();
  const path = join(folder, nameOf("me10"));
  rmSync(path);
  mkdirSync(join(path, "in the way"), { recursive: true });
  if (read === undefined) throw new Error("nothing to read");
  spill.sent(read.segment, 1);
  spill.remove(read.segment);
  expect(errors).toEqual([expect.stringMatching(/^a spill file that was sent can't be removed: E/)]);
  expect([spill.isEmpty, dropped]).toEqual([true, []]);
});

test.runIf(process.platform === "linux")(
  "a write that the disk refuses is none, and the next one has a file of its own",
  () => {
    const spill = open();
    symlinkSync("/dev/full", join(folder, nameOf("me10")));
    expect(() => spill.write(rowsOf("a", 3))).toThrow("ENOSPC");
    expect(spill.records).toBe(0);
    spill.write(rowsOf("b"));
    expect(spill.records).toBe(1);
    expect(readFileSync(join(folder, nameOf("me11")), "utf8")).toContain("b0");
  },
);
