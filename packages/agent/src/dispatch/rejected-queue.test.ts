import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds, seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { systemClock } from "../clock.js";
import { boundRejectedQueue } from "./rejected-queue.js";

const QUEUE = "chouette:rejected";
const NOW = 1_000_000;

describe("the rejected queue", () => {
  it("keeps the youngest up to its bound and its age, and counts what goes", async () => {
    const store = new MemoryStore();
    const scores = [
      ...Array.from({ length: 20 }, () => NOW - 101),
      ...Array.from({ length: 12_000 }, (_, n) => NOW - 99 + n / 1e6),
    ];
    await store.append(
      QUEUE,
      scores.map((score, index) => ({ score, id: `${index}`, value: "{}" })),
    );
    const clock = { ...systemClock, now: () => milliseconds(NOW * 1000) };
    await boundRejectedQueue({ store, queue: QUEUE, clock, most: 500, ttl: seconds(100) });
    const left = await store.read(QUEUE, { limit: 1000 });
    expect(left.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, n) => `${11_520 + n}`));
    const counters = await store.counters();
    expect(counters.get(`${QUEUE}:expired`)).toBe(20);
    expect(counters.get(`${QUEUE}:evicted`)).toBe(11_500);
  });
});
