/** Promises about ids and values that clients store separately. */
import { MAX_PAGE_BYTES, MAX_VALUE_BYTES } from "@chouette-iot/queue";
import { expect, it } from "vitest";
import { numbered, QUEUE, record } from "./records.js";
import { asStored, readAll, type Subject } from "./subject.js";

export function clientPromises(subject: () => Subject): void {
  const client = () => {
    const { client } = subject();
    if (client === undefined) throw new Error("this engine has no clients");
    return client;
  };

  it("has a value without an id for a stray, until it is settled", async () => {
    const { store } = subject();
    await store.append(QUEUE, numbered(3));
    expect(await store.orphans(QUEUE, 10)).toEqual([]);
    await client().storeValue(QUEUE, "a", "1");
    await client().storeValue(QUEUE, "b", "2");
    expect(await store.orphans(QUEUE, 1)).toHaveLength(1);
    expect(new Set(await store.orphans(QUEUE, 10))).toEqual(
      new Set([
        { id: "a", value: "1" },
        { id: "b", value: "2" },
      ]),
    );
    await store.settle({ removeOrphans: [{ queue: QUEUE, ids: ["a"] }] });
    await subject().reopen();
    expect(await subject().store.orphans(QUEUE, 10)).toEqual([{ id: "b", value: "2" }]);
    expect(await readAll(subject().store, QUEUE)).toEqual(numbered(3));
  });

  it("hands out orphans in pages that are bounded by bytes, without those that are too large", async () => {
    const { store } = subject();
    await client().storeValue(QUEUE, "huge", "x".repeat(MAX_VALUE_BYTES + 1));
    for (let n = 0; n < 6; n++)
      await client().storeValue(QUEUE, `large-${n}`, "x".repeat(MAX_PAGE_BYTES / 2));
    const seen = new Map<string, number | undefined>();
    for (let orphans = await store.orphans(QUEUE, 100); orphans.length > 0; ) {
      const bytes = orphans.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
      expect(bytes).toBeLessThanOrEqual(MAX_PAGE_BYTES);
      for (const { id, oversizeBytes } of orphans) seen.set(id, oversizeBytes);
      await store.settle({ removeOrphans: [{ queue: QUEUE, ids: orphans.map(({ id }) => id) }] });
      orphans = await store.orphans(QUEUE, 100);
    }
    expect(seen.size).toBe(7);
    expect(seen.get("huge")).toBe(MAX_VALUE_BYTES + 1);
    expect(seen.get("large-0")).toBeUndefined();
  });

  it("shows an id without a value as such, until it is settled", async () => {
    const { store } = subject();
    const valueless = { score: 1, id: "valueless" };
    await client().storeId(QUEUE, valueless);
    expect(await store.size(QUEUE)).toBe(1);
    await subject().reopen();
    const reopened = subject().store;
    expect(asStored(await reopened.read(QUEUE, { limit: 10 }))).toEqual([{ ...valueless, value: undefined }]);
    await reopened.settle({ remove: [{ queue: QUEUE, records: [valueless] }] });
    expect(asStored(await reopened.read(QUEUE, { limit: 10 }))).toEqual([]);
    // A value that comes later is an orphan.
    await client().storeValue(QUEUE, "valueless", "late");
    expect(await reopened.orphans(QUEUE, 10)).toEqual([{ id: "valueless", value: "late" }]);
  });

  it("joins an id and a value that came apart, in either order", async () => {
    const { store } = subject();
    await client().storeId(QUEUE, { score: 1, id: "a" });
    await client().storeValue(QUEUE, "a", "1");
    await client().storeValue(QUEUE, "b", "2");
    await client().storeId(QUEUE, { score: 2, id: "b" });
    expect(await readAll(store, QUEUE)).toEqual([record(1, "a", "1"), record(2, "b", "2")]);
    expect(await store.orphans(QUEUE, 10)).toEqual([]);
  });

  it("keeps a stray that has got its time before it is settled", async () => {
    const { store } = subject();
    await client().storeValue(QUEUE, "a", "1");
    const orphans = await store.orphans(QUEUE, 10);
    await client().storeId(QUEUE, { score: 1, id: "a" });
    await store.settle({ removeOrphans: [{ queue: QUEUE, ids: orphans.map(({ id }) => id) }] });
    expect(await readAll(store, QUEUE)).toEqual([record(1, "a", "1")]);
  });

  it("forgets the parts of a record that is then stored whole", async () => {
    const { store } = subject();
    await client().storeId(QUEUE, { score: 5, id: "a" });
    await client().storeValue(QUEUE, "b", "stray");
    await store.append(QUEUE, [record(1, "a"), record(2, "b")]);
    expect(await readAll(store, QUEUE)).toEqual([record(1, "a"), record(2, "b")]);
    expect(await store.orphans(QUEUE, 10)).toEqual([]);
  });

  it("keeps the value of an id that is stored once more without one", async () => {
    const { store } = subject();
    await store.append(QUEUE, [record(1, "a")]);
    await client().storeId(QUEUE, { score: 1, id: "a" });
    expect(await readAll(store, QUEUE)).toEqual([record(1, "a")]);
  });
}
