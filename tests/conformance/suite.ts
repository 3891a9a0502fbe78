/**
 * The promises of `packages/queue/src/store.ts`, each with its test. Every engine passes all of them.
 */
import { expire, fateCounter, type NewRecord, type Store } from "@chouette-iot/queue";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { expectToDoAsTheModel } from "./model.js";
import { readAll, type Subject } from "./subject.js";

const QUEUE = "chouette:metrics:raw";
const OTHER = "chouette:metrics:wrapped";

export interface Conformance {
  /** An empty store. */
  newSubject(): Promise<Subject>;
  /** Whether others than the store can write to this engine. */
  readonly hasClients: boolean;
  /** How many random sequences are tried against the model. */
  readonly sequences: number;
}

export function describeConformance(
  engine: string,
  { newSubject, hasClients, sequences }: Conformance,
): void {
  describe(engine, () => {
    let subject: Subject;
    beforeEach(async () => {
      subject = await newSubject();
    });
    afterEach(() => subject.close());

    describe("append", () => appendPromises(() => subject));
    describe("read", () => readPromises(() => subject));
    describe("settle", () => settlePromises(() => subject));
    describe("expire", () => expirePromises(() => subject));
    if (hasClients) describe("what clients store apart", () => clientPromises(() => subject));
    it("does as a plain model does, whatever the order of calls", async () => {
      await expectToDoAsTheModel(newSubject, sequences);
    }, 120_000);
  });
}

function appendPromises(subject: () => Subject): void {
  it("stores every record, with its score and value as they were", async () => {
    const { store } = subject();
    const stored = [record(1.5, "b"), record(0.1 + 0.2, "a", '{"text":"größer \u{1f989}\\n"}')];
    await store.append(QUEUE, stored);
    expect(await readAll(store, QUEUE)).toEqual([stored[1], stored[0]]);
    expect(await store.size(QUEUE)).toBe(2);
    expect(await store.size(OTHER)).toBe(0);
  });

  it("changes nothing when a record is stored again under its own position", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(10));
    await store.append(QUEUE, numbered(10).slice(3, 7));
    await store.append(QUEUE, [...numbered(1), ...numbered(1)]);
    expect(await readAll(store, QUEUE)).toEqual(numbered(10));
    expect(await store.size(QUEUE)).toBe(10);
  });

  it("takes nothing, and says so, where there is nothing to store", async () => {
    const { store } = subject();
    await store.append(QUEUE, []);
    await store.settle({});
    await store.settle({ remove: [{ queue: QUEUE, records: [] }], add: [{ queue: QUEUE, records: [] }] });
    expect(await store.read(QUEUE, { limit: 10 })).toEqual([]);
  });

  it("shows all records of a call or none", async () => {
    const { store } = subject();
    const calls = Array.from({ length: 20 }, (_, call) =>
      store.append(QUEUE, numbered(50, { from: call * 50 })),
    );
    const appending = Promise.all(calls);
    let size = 0;
    while (size < 1_000) {
      size = await store.size(QUEUE);
      expect(size % 50).toBe(0);
      await new Promise(setImmediate);
    }
    await appending;
  });

  it("keeps its records when the store is opened again", async () => {
    await subject().store.append(QUEUE, numbered(2_500));
    await subject().reopen();
    expect(await readAll(subject().store, QUEUE)).toEqual(numbered(2_500));
  });
}

function readPromises(subject: () => Subject): void {
  it("takes nothing away", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(5));
    await readAll(store, QUEUE);
    expect(await readAll(store, QUEUE)).toEqual(numbered(5));
  });

  it("goes by score, then by the bytes of the id, and gives both back exactly", async () => {
    const { store } = subject();
    const close = 0.1 + 0.2;
    const scores = [-Infinity, -1e300, -1.5, 0, 5e-324, 0.3, close, 1_700_000_000.123456, 2e9, Infinity];
    const ids = ["0 1", "A", "B", "a", "aa", "ab", "~", "ä", "\ud7ff", "\uffee", "\u{1f989}"];
    const ordered = scores.flatMap((score, row) => ids.map((id) => record(score, `${id}${row}`)));
    await store.append(QUEUE, ordered.toReversed());
    expect(await readAll(store, QUEUE)).toEqual(ordered);
    expect(await readAll(store, QUEUE, { limit: 1 })).toEqual(ordered);
  });

  it("gives pages of at most the limit, one after the other, within records of one score as well", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(100, { score: () => 7 }));
    const first = await store.read(QUEUE, { limit: 30 });
    expect(first).toEqual(numbered(30, { score: () => 7 }));
    const after = lastOf(first);
    expect(await store.read(QUEUE, { after, limit: 30 })).toEqual(numbered(30, { from: 30, score: () => 7 }));
  });

  it("stops before a score, and shows infinite ones where no score was given", async () => {
    const { store } = subject();
    const stored = [
      record(-Infinity, "a"),
      record(1, "b"),
      record(2, "c"),
      record(2, "d"),
      record(Infinity, "e"),
    ];
    await store.append(QUEUE, stored);
    const before = async (score: number) =>
      (await store.read(QUEUE, { before: score, limit: 10 })).map(({ id }) => id).join("");
    expect(await before(-Infinity)).toBe("");
    expect(await before(2)).toBe("ab");
    expect(await before(2.000001)).toBe("abcd");
    expect(await before(Infinity)).toBe("abcd");
    expect(await readAll(store, QUEUE)).toEqual(stored);
    expect(await store.read(QUEUE, { after: record(1, "b"), before: 2, limit: 10 })).toEqual([]);
  });

  it("goes on from a position whose record was settled, and from one that never was", async () => {
    const { store } = subject();
    const stored = numbered(40, { score: (index) => Math.floor(index / 20) });
    await store.append(QUEUE, stored);
    const after = lastOf(await store.read(QUEUE, { limit: 15 }));
    await store.settle({ remove: [{ queue: QUEUE, records: [after] }] });
    expect(await readAll(store, QUEUE, { after, limit: 3 })).toEqual(stored.slice(15));
    expect(await store.read(QUEUE, { after: record(0, `${after.id}x`), limit: 1 })).toEqual([stored[15]]);
    expect(await store.read(QUEUE, { after: record(0.5, "x"), limit: 1 })).toEqual([stored[20]]);
    expect(await store.read(QUEUE, { after: record(9, "x"), limit: 1 })).toEqual([]);
  });

  it("passes every record once, whatever is appended and settled under it", async () => {
    const { store } = subject();
    const stays = numbered(600, { score: (index) => index >> 4 });
    await store.append(QUEUE, stays);
    const before = numbered(300, { from: 10_000, score: (index) => (index - 10_000) >> 3 });
    const seen: NewRecord[] = [];
    const reading = (async () => {
      for (let after = lastOf([]); ; ) {
        const page = await store.read(QUEUE, { ...(seen.length === 0 ? {} : { after }), limit: 17 });
        if (page.length === 0) return;
        seen.push(...page.map((each) => ({ ...each, value: each.value ?? "" })));
        after = lastOf(page);
      }
    })();
    for (let index = 0; index < before.length; index += 20) {
      await store.append(QUEUE, before.slice(index, index + 20));
      await store.settle({ remove: [{ queue: QUEUE, records: before.slice(index, index + 10) }] });
    }
    await reading;
    const ofStays = new Set(stays.map(({ id }) => id));
    expect(seen.filter(({ id }) => ofStays.has(id))).toEqual(stays);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    expect(seen.every(({ value }) => value !== "")).toBe(true);
  });
}

function settlePromises(subject: () => Subject): void {
  it("removes, adds, notes and counts in one step", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(10));
    await store.settle({
      remove: [{ queue: QUEUE, records: numbered(4) }],
      add: [{ queue: OTHER, records: numbered(2, { from: 100 }) }],
      notes: new Map([["window:10", "emitted"]]),
      count: new Map([["aggregated", 4]]),
    });
    expect(await readAll(store, QUEUE)).toEqual(numbered(6, { from: 4 }));
    expect(await readAll(store, OTHER)).toEqual(numbered(2, { from: 100 }));
    expect(await store.notes(["window:10"])).toEqual(["emitted"]);
    expect(await store.counters()).toEqual(new Map([["aggregated", 4]]));
  });

  it("never shows a part of itself", async () => {
    const { store } = subject();
    const moves = Array.from({ length: 30 }, (_, move) => numbered(10, { from: move * 10 }));
    await store.append(QUEUE, moves.flat());
    const settling = (async () => {
      for (const records of moves) {
        await store.settle({
          remove: [{ queue: QUEUE, records }],
          add: [{ queue: OTHER, records }],
          count: new Map([["moved", records.length]]),
        });
      }
    })();
    // Read one after the other, so that each can only be ahead of the one before.
    for (let moved = 0; moved < 300; ) {
      const left = await store.size(QUEUE);
      const arrived = await store.size(OTHER);
      moved = (await store.counters()).get("moved") ?? 0;
      expect([left % 10, arrived % 10, moved % 10]).toEqual([0, 0, 0]);
      expect(300 - left).toBeLessThanOrEqual(arrived);
      expect(arrived).toBeLessThanOrEqual(moved);
      await new Promise(setImmediate);
    }
    await settling;
  });

  it("finds nothing wrong with removing what isn't there", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(1));
    await store.settle({
      remove: [
        { queue: QUEUE, records: [...numbered(1), ...numbered(1), record(1, "nobody")] },
        { queue: "chouette:never:used", records: numbered(1) },
      ],
      removeStrays: [{ queue: QUEUE, ids: ["nobody"] }],
      notes: new Map([["nothing", undefined]]),
    });
    expect(await store.size(QUEUE)).toBe(0);
  });

  it("adds again what it removes: removals come first", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(2));
    const moved = { ...record(9, numbered(1)[0]?.id ?? ""), value: '{"again":true}' };
    await store.settle({
      remove: [{ queue: QUEUE, records: numbered(1) }],
      add: [{ queue: QUEUE, records: [moved] }],
    });
    expect(await readAll(store, QUEUE)).toEqual([...numbered(1, { from: 1 }), moved]);
  });

  it("keeps notes and counters when the store is opened again", async () => {
    const { store } = subject();
    await store.settle({
      notes: new Map([
        ["w:1", "one"],
        ["w:2", ""],
        ["w", "none"],
        ["x:1", "größer \u{1f989}"],
      ]),
      count: new Map([["delivered", 3]]),
    });
    await store.settle({ notes: new Map([["w:1", undefined]]), count: new Map([["delivered", 4]]) });
    await subject().reopen();
    const reopened = subject().store;
    expect(await reopened.notes(["w:1", "w:2", "x:1"])).toEqual([undefined, "", "größer \u{1f989}"]);
    expect(await reopened.notes([])).toEqual([]);
    expect(await reopened.notesUnder("w:")).toEqual(new Map([["w:2", ""]]));
    expect(await reopened.notesUnder("y")).toEqual(new Map());
    expect(await reopened.counters()).toEqual(new Map([["delivered", 7]]));
  });
}

function clientPromises(subject: () => Subject): void {
  const client = () => {
    const { client } = subject();
    if (client === undefined) throw new Error("this engine has no clients");
    return client;
  };

  it("has a value without an id for a stray, until it is settled", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(3));
    expect(await store.strays(QUEUE, 10)).toEqual([]);
    await client().storeValue(QUEUE, "a", "1");
    await client().storeValue(QUEUE, "b", "2");
    expect(await store.strays(QUEUE, 1)).toHaveLength(1);
    expect(new Set(await store.strays(QUEUE, 10))).toEqual(
      new Set([
        { id: "a", value: "1" },
        { id: "b", value: "2" },
      ]),
    );
    await store.settle({ removeStrays: [{ queue: QUEUE, ids: ["a"] }] });
    await subject().reopen();
    expect(await subject().store.strays(QUEUE, 10)).toEqual([{ id: "b", value: "2" }]);
    expect(await readAll(subject().store, QUEUE)).toEqual(numbered(3));
  });

  it("shows an id without a value as such, until it is settled", async () => {
    const { store } = subject();
    const valueless = { score: 1, id: "valueless" };
    await client().storeId(QUEUE, valueless);
    expect(await store.size(QUEUE)).toBe(1);
    await subject().reopen();
    const reopened = subject().store;
    expect(await reopened.read(QUEUE, { limit: 10 })).toEqual([{ ...valueless, value: undefined }]);
    await reopened.settle({ remove: [{ queue: QUEUE, records: [valueless] }] });
    expect(await reopened.read(QUEUE, { limit: 10 })).toEqual([]);
    // A value that comes after that has no place any more.
    await client().storeValue(QUEUE, "valueless", "late");
    expect(await reopened.strays(QUEUE, 10)).toEqual([{ id: "valueless", value: "late" }]);
  });

  it("joins an id and a value that came apart, in either order", async () => {
    const { store } = subject();
    await client().storeId(QUEUE, { score: 1, id: "a" });
    await client().storeValue(QUEUE, "a", "1");
    await client().storeValue(QUEUE, "b", "2");
    await client().storeId(QUEUE, { score: 2, id: "b" });
    expect(await readAll(store, QUEUE)).toEqual([record(1, "a", "1"), record(2, "b", "2")]);
    expect(await store.strays(QUEUE, 10)).toEqual([]);
  });

  it("forgets the parts of a record that is then stored whole", async () => {
    const { store } = subject();
    await client().storeId(QUEUE, { score: 5, id: "a" });
    await client().storeValue(QUEUE, "b", "stray");
    await store.append(QUEUE, [record(1, "a"), record(2, "b")]);
    expect(await readAll(store, QUEUE)).toEqual([record(1, "a"), record(2, "b")]);
    expect(await store.strays(QUEUE, 10)).toEqual([]);
  });

  it("keeps the value of an id that is stored once more without one", async () => {
    const { store } = subject();
    await store.append(QUEUE, [record(1, "a")]);
    await client().storeId(QUEUE, { score: 1, id: "a" });
    expect(await readAll(store, QUEUE)).toEqual([record(1, "a")]);
  });
}

function expirePromises(subject: () => Subject): void {
  it("removes what is older than a time, in bounded pages, and counts it", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(5_200));
    expect(await expire(store, QUEUE, 5_150)).toBe(5_150);
    expect(await expire(store, QUEUE, 5_150)).toBe(0);
    expect(await readAll(store, QUEUE)).toEqual(numbered(50, { from: 5_150 }));
    expect(await store.counters()).toEqual(new Map([[fateCounter(QUEUE, "expired"), 5_150]]));
  });
}

function record(score: number, id: string, value = `{"id":${JSON.stringify(id)}}`): NewRecord {
  return { score, id, value };
}

/** Records in their order, whose ids tell their numbers; the score is the number unless given. */
function numbered(
  count: number,
  { from = 0, score = (index: number) => index }: { from?: number; score?: (index: number) => number } = {},
): readonly NewRecord[] {
  return Array.from({ length: count }, (_, index) =>
    record(score(from + index), `id-${`${from + index}`.padStart(6, "0")}`),
  );
}

function lastOf(page: Awaited<ReturnType<Store["read"]>>): { readonly score: number; readonly id: string } {
  return page.at(-1) ?? { score: 0, id: "" };
}
