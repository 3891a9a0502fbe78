/** The promises of `read`. */
import { MAX_PAGE_BYTES, MAX_VALUE_BYTES, type Store, type StoredRecord } from "@chouette-iot/queue";
import fc from "fast-check";
import { expect, it } from "vitest";
import { numbered, QUEUE, record } from "./records.js";
import { asStored, readAll, type Subject } from "./subject.js";

export function readPromises(subject: () => Subject): void {
  it("gives pages that are bounded by bytes, whatever comes after what", async () => {
    const { store } = subject();
    const sizes = [10, MAX_PAGE_BYTES, 300_000, 20, MAX_PAGE_BYTES - 20, 20, 20, ...Array(20).fill(300_000)];
    const stored = sizes.map((size: number, index) => ({ ...idOf(index), value: "x".repeat(size) }));
    for (const record of stored) await store.append(QUEUE, [record]);
    for (let after: StoredRecord | undefined, read = 0; read < stored.length; ) {
      const page = await store.read(QUEUE, { ...(after === undefined ? {} : { after }), limit: 1_000 });
      const bytes = page.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
      expect(page.length > 0 && bytes <= MAX_PAGE_BYTES).toBe(true);
      expect(asStored(page)).toEqual(stored.slice(read, read + page.length));
      read += page.length;
      after = page.at(-1);
    }
  });

  it("gives pages that are bounded by bytes in the middle of records of one score", async () => {
    const { store } = subject();
    const stored = Array.from({ length: 40 }, (_, index) =>
      record(7, `id-${index + 10}`, "x".repeat(index < 12 ? 10 : 500_000)),
    );
    await store.append(QUEUE, stored);
    const page = await store.read(QUEUE, { after: { score: 7, id: "id-17" }, limit: 20 });
    expect(page).toEqual(stored.slice(8, 16));
  });

  it("doesn't fetch a value over the documented size, and reports how large it is", async () => {
    const { store } = subject();
    const stored = [MAX_VALUE_BYTES, MAX_VALUE_BYTES + 1, 10, 2 * MAX_VALUE_BYTES].map((size, index) => ({
      ...idOf(index),
      value: "x".repeat(size),
    }));
    for (const record of stored) await store.append(QUEUE, [record]);
    const all = await readAll(store, QUEUE);
    expect(all.map(({ id, value, oversizeBytes }) => [id, value?.length, oversizeBytes])).toEqual([
      [idOf(0).id, MAX_VALUE_BYTES, undefined],
      [idOf(1).id, undefined, MAX_VALUE_BYTES + 1],
      [idOf(2).id, 10, undefined],
      [idOf(3).id, undefined, 2 * MAX_VALUE_BYTES],
    ]);
    await store.settle({ remove: [{ queue: QUEUE, records: all }] });
    expect(await store.size(QUEUE)).toBe(0);
  });

  it("advances with every page and removes what it read, whatever the ids are", async () => {
    const odd = fc.array(
      fc.oneof(
        fc.constantFrom("\0", "\u0001", "\u0002", "\u0003", "\u0004", "\0\0", "\u001e", "\u001f"),
        fc.constantFrom("\u007f", "\u0080", "\u07ff", "\uffff", "\u{10ffff}", "a", " ", '"', "*", "\\"),
        fc.constantFrom("x".repeat(30), "x".repeat(63), "x".repeat(64), "ä".repeat(64)),
      ),
      { minLength: 1, maxLength: 12 },
    );
    const ids = fc.uniqueArray(
      odd.map((parts) => parts.join("")),
      { minLength: 1, maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(ids, fc.integer({ min: 1, max: 4 }), async (ids, limit) => {
        const { store } = subject();
        const stored: string[] = [];
        for (const id of ids) {
          // An engine may refuse an id, but only that one, and immediately.
          const refused = await store.append(QUEUE, [record(1, id)]).catch((error: unknown) => error);
          if (refused === undefined) stored.push(id);
          else expect(refused).toBeInstanceOf(RangeError);
        }
        const all = await readAll(store, QUEUE, { limit });
        expect(all.map(({ id }) => id)).toEqual(stored.toSorted(byBytes));
        await store.settle({ remove: [{ queue: QUEUE, records: all, counter: "removed" }] });
        expect(await store.size(QUEUE)).toBe(0);
        expect(await store.orphans(QUEUE, 10)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

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
    expect(asStored(first)).toEqual(numbered(30, { score: () => 7 }));
    const after = lastOf(first);
    expect(asStored(await store.read(QUEUE, { after, limit: 30 }))).toEqual(
      numbered(30, { from: 30, score: () => 7 }),
    );
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
    expect(asStored(await store.read(QUEUE, { after: record(1, "b"), before: 2, limit: 10 }))).toEqual([]);
  });

  it("goes on from a position whose record was settled, and from one that never was", async () => {
    const { store } = subject();
    const stored = numbered(40, { score: (index) => Math.floor(index / 20) });
    await store.append(QUEUE, stored);
    const after = lastOf(await store.read(QUEUE, { limit: 15 }));
    await store.settle({ remove: [{ queue: QUEUE, records: [after] }] });
    expect(await readAll(store, QUEUE, { after, limit: 3 })).toEqual(stored.slice(15));
    expect(asStored(await store.read(QUEUE, { after: record(0, `${after.id}x`), limit: 1 }))).toEqual([
      stored[15],
    ]);
    expect(asStored(await store.read(QUEUE, { after: record(0.5, "x"), limit: 1 }))).toEqual([stored[20]]);
    expect(asStored(await store.read(QUEUE, { after: record(9, "x"), limit: 1 }))).toEqual([]);
  });

  it("passes every record once, whatever is appended before it and settled under it", async () => {
    const { store } = subject();
    const stays = numbered(600, { score: (index) => index >> 4 });
    const goes = numbered(600, { from: 1_000, score: (index) => (index - 1_000) >> 4 });
    await store.append(QUEUE, [...stays, ...goes]);
    const seen: StoredRecord[] = [];
    let isRead = false;
    const readOn = async (from: { readonly after?: StoredRecord }): Promise<void> => {
      const page = await store.read(QUEUE, { ...from, limit: 17 });
      const after = page.at(-1);
      seen.push(...page);
      if (after !== undefined) await readOn({ after });
    };
    const reading = readOn({}).finally(() => {
      isRead = true;
    });
    for (let index = 0; !isRead; index += 3) {
      const early = numbered(3, { from: 10_000 + index, score: () => -1 });
      await store.append(QUEUE, early);
      const at = lastOf(seen);
      const next = goes.filter(({ score, id }) => score > at.score || (score === at.score && id > at.id));
      await store.settle({ remove: [{ queue: QUEUE, records: [...next.slice(0, 5), ...early.slice(1)] }] });
      await new Promise(setImmediate);
    }
    await reading;
    const ofStays = new Set(stays.map(({ id }) => id));
    expect(seen.filter(({ id }) => ofStays.has(id))).toEqual(stays);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    expect(seen.filter(({ value }) => value === undefined)).toEqual([]);
  });
}

function idOf(index: number): { readonly score: number; readonly id: string } {
  return { score: index, id: `id-${index}` };
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function lastOf(page: Awaited<ReturnType<Store["read"]>>): { readonly score: number; readonly id: string } {
  return page.at(-1) ?? { score: 0, id: "" };
}
