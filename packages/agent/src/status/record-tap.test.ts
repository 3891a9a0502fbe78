import { queueNames } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { describe, expect, it } from "vitest";
import { type Moved, RecordTap } from "./record-tap.js";

const queues = queueNames();
const record = (id: string, value = `value of ${id}`) => ({ id, score: 1, value });

function tapped() {
  const tap = new RecordTap();
  return { tap, store: tap.store(new MemoryStore()) };
}

describe("the tap", () => {
  it("shows each record when it has moved, with the value that was read", async () => {
    const { tap, store } = tapped();
    const seen: Moved[] = [];
    tap.watch((moved) => seen.push(...moved));
    await store.append(queues.rawMetrics, [record("a"), record("b")]);
    await store.read(queues.rawMetrics, { limit: 1 });
    expect(seen).toEqual([]);
    await store.settle({
      remove: [
        {
          queue: queues.rawMetrics,
          records: [record("a"), record("b")],
          counter: `${queues.rawMetrics}:aggregated`,
        },
      ],
      add: [{ queue: queues.readyMetrics, records: [record("c")] }],
    });
    expect(seen).toEqual([
      { queue: queues.rawMetrics, id: "a", left: "aggregated", value: "value of a" },
      { queue: queues.rawMetrics, id: "b", left: "aggregated", value: undefined },
      { queue: queues.readyMetrics, id: "c", value: "value of c" },
    ]);
  });

  it("shows nothing of a settlement that was refused", async () => {
    const { tap, store } = tapped();
    const seen: Moved[] = [];
    tap.watch((moved) => seen.push(...moved));
    const add = [{ queue: queues.readyMetrics, records: [record("c")] }];
    await expect(store.settle({ add, onlyWhile: new Map([["lease", "mine"]]) })).rejects.toThrow();
    expect(seen).toEqual([]);
  });

  it("removes a watcher that throws, and settles all the same", async () => {
    const { tap, store } = tapped();
    let calls = 0;
    tap.watch(() => {
      calls += 1;
      throw new Error("a fault");
    });
    for (const id of ["a", "b"])
      await store.settle({ add: [{ queue: queues.readyMetrics, records: [record(id)] }] });
    expect([calls, await store.size(queues.readyMetrics)]).toEqual([1, 2]);
  });

  it("remembers a bounded length of what is read, however much that is", async () => {
    const { tap, store } = tapped();
    const seen: Moved[] = [];
    tap.watch((moved) => seen.push(...moved));
    const records = Array.from({ length: 30 }, (_, n) => record(`${n}`, "x".repeat(500_000)));
    for (const one of records) {
      await store.append(queues.rawMetrics, [one]);
      await store.read(queues.rawMetrics, { limit: 100, after: { score: 1, id: "" } });
    }
    await store.settle({
      remove: [{ queue: queues.rawMetrics, records, counter: `${queues.rawMetrics}:expired` }],
    });
    const known = seen.filter(({ value }) => value !== undefined).length;
    expect(seen.length).toBe(30);
    expect(known).toBeLessThanOrEqual(16);
  });
});
