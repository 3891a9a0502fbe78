import { getEventListeners } from "node:events";
import { milliseconds } from "@chouette-iot/record";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Turns } from "./turns.js";

const LIMIT = 1_000;
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

/** Turns that take some time each, and a log of what begins and ends. */
function start() {
  const turns = new Turns(milliseconds(LIMIT));
  const log: string[] = [];
  const take = (name: string, host: string, duration: number, signal?: AbortSignal) =>
    turns.take(
      host,
      async () => {
        log.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, duration));
        log.push(`${name} ends`);
        return name;
      },
      signal,
    );
  return { turns, log, take };
}

describe("turns", () => {
  it("of one host follow one another in their order, and leave no timer", async () => {
    const { log, take } = start();
    const all = Promise.all(["a", "b", "c"].map((name) => take(name, "host", 300)));
    await vi.advanceTimersByTimeAsync(900);
    expect(await all).toEqual(["a", "b", "c"]);
    expect(log).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("of several hosts overlap", async () => {
    const { log, take } = start();
    void take("a", "one", 300);
    void take("b", "other", 100);
    await vi.advanceTimersByTimeAsync(100);
    expect(log).toEqual(["a begins", "b begins", "b ends"]);
  });

  it("overlap after the limit, and the next one waits for both", async () => {
    const { log, take } = start();
    void take("slow", "host", 5 * LIMIT);
    void take("b", "host", 100);
    await vi.advanceTimersByTimeAsync(LIMIT - 1);
    expect(log).toEqual(["slow begins"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(log).toEqual(["slow begins", "b begins"]);
    void take("c", "host", 100);
    await vi.advanceTimersByTimeAsync(100);
    expect(log.slice(2)).toEqual(["b ends"]);
    await vi.advanceTimersByTimeAsync(LIMIT - 101);
    expect(log.slice(3)).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(log.slice(3)).toEqual(["c begins"]);
  });

  it("follow a turn that fails", async () => {
    const { turns, log, take } = start();
    const failing = turns.take("host", async () => {
      throw new Error("failed");
    });
    const next = take("next", "host", 0);
    await expect(failing).rejects.toThrow("failed");
    await vi.advanceTimersByTimeAsync(0);
    expect(await next).toBe("next");
    expect(log).toEqual(["next begins", "next ends"]);
  });

  it("are taken without a wait once it is given up, and leave nothing behind", async () => {
    const { log, take } = start();
    const ending = new AbortController();
    void take("slow", "host", 500);
    const waiting = take("given up", "host", 10, ending.signal);
    await vi.advanceTimersByTimeAsync(0);
    expect(log).toEqual(["slow begins"]);
    ending.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(log).toEqual(["slow begins", "given up begins"]);
    const later = take("later", "host", 10, ending.signal);
    await vi.advanceTimersByTimeAsync(0);
    expect(log.slice(2)).toEqual(["later begins"]);
    await vi.advanceTimersByTimeAsync(10);
    expect(await Promise.all([waiting, later])).toEqual(["given up", "later"]);
    expect(getEventListeners(ending.signal, "abort")).toEqual([]);
    await vi.advanceTimersByTimeAsync(490);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("stop listening to a signal once they begin", async () => {
    const { take } = start();
    const { signal } = new AbortController();
    void take("a", "host", 100);
    void take("b", "host", 100, signal);
    await vi.advanceTimersByTimeAsync(50);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(50);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});
