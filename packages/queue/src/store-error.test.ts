import { expect, it } from "vitest";
import { MemoryStore } from "./memory/memory-store.js";
import { StaleSettlementError } from "./stale.js";
import type { Store } from "./store.js";
import { StoreError, withStoreErrors } from "./store-error.js";

function failing(error: unknown): Store {
  const store = new MemoryStore();
  store.read = async () => {
    throw error;
  };
  return withStoreErrors(store);
}

it("marks an engine's failure as the store's, and keeps its message and cause", async () => {
  const cause = new Error("ECONNREFUSED");
  const read = failing(cause).read("q", { limit: 1 });
  await expect(read).rejects.toMatchObject({ name: "StoreError", message: "ECONNREFUSED", cause });
  await expect(read).rejects.toBeInstanceOf(StoreError);
});

it("leaves alone what is marked already, and what no outage explains", async () => {
  for (const error of [
    new StaleSettlementError("lease"),
    new RangeError("Maximum call stack size exceeded"),
  ]) {
    await expect(failing(error).read("q", { limit: 1 })).rejects.toBe(error);
  }
});
