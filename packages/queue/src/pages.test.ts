/** Reading through a queue meets each record once and ends, whatever the store answers. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryStore } from "./memory/memory-store.js";
import { orphanPages, pages } from "./pages.js";
import type { StoredRecord } from "./store.js";
import { StoreError } from "./store-error.js";

const QUEUE = "q";
const record = (score: number, id: string): StoredRecord => ({ score, id, value: "v" });

async function idsOf(all: AsyncIterable<readonly { readonly id: string }[]>): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const page of all) ids.push(...page.map(({ id }) => id));
  return ids;
}

describe("the pages of a queue", () => {
  it("hold each record of the range once, whether they are read ahead and removed or not", async () => {
    const scores = fc.array(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(-Infinity, Infinity)), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(
        scores,
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        fc.boolean(),
        async (all, limit, readsAhead, removes) => {
          const store = new MemoryStore();
          await store.append(
            QUEUE,
            all.map((score, index) => ({ score, id: `${index}`, value: "v" })),
          );
          const expected = (await store.read(QUEUE, { limit: 100 })).map(({ id }) => id);
          const met: string[] = [];
          for await (const page of pages(store, QUEUE, { limit, readsAhead })) {
            met.push(...page.map(({ id }) => id));
            if (removes) await store.settle({ remove: [{ queue: QUEUE, records: page }] });
          }
          expect(met).toEqual(expected);
        },
      ),
    );
  });

  it("end with the store's error if a page doesn't advance", async () => {
    const page = [record(1, "a"), record(2, "b")];
    for (const readsAhead of [false, true]) {
      const met = idsOf(pages({ read: async () => page }, QUEUE, { limit: 2, readsAhead }));
      await expect(met).rejects.toThrow(StoreError);
    }
    const back = [page, [record(1, "c")]];
    const met = idsOf(pages({ read: async () => back.shift() ?? [] }, QUEUE, { limit: 2 }));
    await expect(met).rejects.toThrow(`q can't be read past the record "b": a page didn't advance`);
  });

  it("fail only whoever reads them if a page that was read ahead fails", async () => {
    const answers = [Promise.resolve([record(1, "a")]), Promise.reject(new Error("gone"))];
    answers[1]?.catch(() => {});
    const all = pages({ read: () => answers.shift() ?? Promise.resolve([]) }, QUEUE, {
      limit: 1,
      readsAhead: true,
    });
    expect((await all.next()).value).toHaveLength(1);
    await expect(all.next()).rejects.toThrow("gone");
  });
});

describe("the pages of orphans", () => {
  it("end with the store's error if a page comes again after it was removed", async () => {
    const stuck = { orphans: async () => [{ id: "a", value: "v" }] };
    await expect(idsOf(orphanPages(stuck, QUEUE, 10))).rejects.toThrow(StoreError);
    const left = [[{ id: "a", value: "v" }], [{ id: "b", value: "v" }], []];
    expect(await idsOf(orphanPages({ orphans: async () => left.shift() ?? [] }, QUEUE, 1))).toEqual([
      "a",
      "b",
    ]);
  });
});
