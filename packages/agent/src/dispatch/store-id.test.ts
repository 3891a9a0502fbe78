import { MemoryStore } from "@chouette-iot/queue/memory";
import { describe, expect, it } from "vitest";
import { faultyStore, type StoreFault } from "../../../../tests/support/faulty-store.js";
import { storeId } from "./store-id.js";

describe("a store's id", () => {
  it("is one for all who ask, at the same time and later, and another one for another store", async () => {
    const store = new MemoryStore();
    const ids = await Promise.all([1, 2, 3].map(() => storeId(store)));
    ids.push(await storeId(store));
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[\w-]{8}$/);
    expect(await storeId(new MemoryStore())).not.toBe(ids[0]);
  });

  it.each([
    ["can't be read", "state", "refused"],
    ["can't be written", "settle", "refused"],
  ] as const)("isn't known while it %s", async (_, method, fault) => {
    let isBroken = true;
    const store = faultyStore(new MemoryStore(), (called) =>
      isBroken && called === method ? fault : undefined,
    );
    await expect(storeId(store)).rejects.toThrow("refused by the test");
    isBroken = false;
    expect(await storeId(store)).toMatch(/^[\w-]{8}$/);
  });

  it("is the one that was written, if the answer to that is lost", async () => {
    const faults: (StoreFault | undefined)[] = [undefined, "answer lost"];
    const store = faultyStore(new MemoryStore(), () => faults.shift());
    const id = await storeId(store);
    expect(await storeId(store)).toBe(id);
  });
});
