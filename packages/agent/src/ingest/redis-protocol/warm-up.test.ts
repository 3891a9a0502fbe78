import { getEventListeners } from "node:events";
import { queueNames } from "@chouette-iot/queue";
import { openScratchStore } from "@chouette-iot/queue/embedded/scratch";
import { describe, expect, it } from "vitest";
import { CALLS_A_ROUND, warmUp } from "./warm-up.js";

describe("the warm-up", () => {
  it("stores in stores of its own, closes each, also if it is ended early, and leaves nothing that listens", async () => {
    const ending = new AbortController();
    const held: number[] = [];
    let opened = 0;
    const openStore = async () => {
      const store = await openScratchStore();
      const close = store.close.bind(store);
      store.close = async () => {
        held.push(await store.size(queueNames().rawMetrics));
        await close();
      };
      opened += 1;
      return store;
    };
    const rounds = async () => {
      expect(getEventListeners(ending.signal, "abort")).toEqual([]);
      if (opened === 2) ending.abort();
      return true;
    };
    await expect(warmUp(openStore, ending.signal, rounds)).rejects.toThrow();
    expect(held).toEqual([CALLS_A_ROUND, CALLS_A_ROUND, 0]);
  });

  it("closes its store if its broker can't start", async () => {
    const store = await openScratchStore();
    const close = store.close.bind(store);
    let isClosed = false;
    store.stateWithPrefix = () => Promise.reject(new Error("unreadable"));
    store.close = async () => {
      isClosed = true;
      await close();
    };
    const ready = async () => true;
    await expect(warmUp(async () => store, new AbortController().signal, ready)).rejects.toThrow(
      "unreadable",
    );
    expect(isClosed).toBe(true);
  });

  it("waits for a machine that is always busy once", async () => {
    const ending = new AbortController();
    const waits: number[] = [];
    const busy = async (timeoutMs: number) => {
      waits.push(timeoutMs);
      if (waits.length === 2) ending.abort();
      return false;
    };
    await expect(warmUp(openScratchStore, ending.signal, busy)).rejects.toThrow();
    expect(waits).toEqual([60_000, 0]);
  });
});
