/** No ready metric that another agent left shares a second with this agent's own of the same series. */
import { queueNames } from "@chouette-iot/queue";
import { seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { setUpFlush } from "../../../../tests/support/flushing.js";
import { flushId } from "../runtime/ready-ids.js";
import { windowKeys } from "./window-state.js";

const queues = queueNames();
const START = 1_000_000;
const count = (timestamp: number, value: number, metric = "m") => ({
  ...{ metric, type: "count", value, timestamp, tags: { a: "b" } },
});

function setUp(interval = 10) {
  const flush = setUpFlush({ interval });
  let ids = 0;
  return {
    ...flush,
    /** As the Python agent leaves a ready metric. */
    leave: async (at: number, value: number, type = "count") => {
      const metric = { metric: "m", type, tags: ["a:b"], points: [[at, value]] };
      const text = JSON.stringify(type === "gauge" ? metric : { ...metric, interval });
      await flush.store.append(queues.readyMetrics, [{ id: `of-python-${++ids}`, score: at, value: text }]);
    },
    points: async () => (await flush.ready()).map(({ points }) => points[0]),
  };
}

describe("what the Python agent left of a window", () => {
  it("keeps its second: the agent's own value goes to one behind it", async () => {
    const { leave, put, flushAt, points, store, newFlusher } = setUp();
    await leave(START, 100);
    await leave(START + 3.7, 50);
    await put(count(START + 5, 7));
    await flushAt(START + 20);
    // The fragments are sent; what comes late and after a restart knows of them all the same.
    const sent = await store.read(queues.readyMetrics, { limit: 2 });
    await store.settle({ remove: [{ queue: queues.readyMetrics, records: sent }] });
    await put(count(START + 6, 2));
    await flushAt(START + 30, newFlusher());
    expect(await points()).toEqual([
      [START + 4, 7],
      [START + 5, 2],
    ]);
  });

  it("is known before anything of it is emitted or sent", async () => {
    const { leave, put, flushAt, points, store, newFlusher } = setUp();
    await leave(START, 100);
    const flusher = newFlusher();
    expect(flusher.hasBegun).toBe(false);
    await flushAt(START + 20, flusher);
    expect(flusher.hasBegun).toBe(true);
    const sent = await store.read(queues.readyMetrics, { limit: 2 });
    await store.settle({ remove: [{ queue: queues.readyMetrics, records: sent }] });
    await put(count(START + 5, 7));
    await flushAt(START + 30, newFlusher());
    expect(await points()).toEqual([[START + 1, 7]]);
  });

  it.each([
    ["count", 107],
    ["rate", 100.7],
    ["gauge", 7],
  ] as const)("is merged with the agent's own if it is a %s in the window's last second", async (type, sum) => {
    for (const interval of [1, 10]) {
      const { leave, put, flushAt, points } = setUp(interval);
      const last = START + interval - 1;
      await leave(last, 100, type);
      await put({ ...count(last + 0.5, 7), type });
      await flushAt(START + 20);
      const expected = type === "rate" ? 100 + 7 / interval : sum;
      expect(await points()).toEqual([[last, expected]]);
      await put({ ...count(last + 0.6, 1), type });
      await flushAt(START + 30);
      expect(await points()).toHaveLength(1);
    }
  });

  it("takes a bounded part of memory, however much of it is in a window's last second", async () => {
    const { store, flushAt } = setUp();
    const tags = Array.from({ length: 250 }, (_, index) => `t${index}:`.padEnd(200, "x"));
    const left = Array.from({ length: 200 }, (_, index) => ({
      id: `of-python-${index}`,
      score: START + 9,
      value: JSON.stringify({ metric: `m${index}`, type: "gauge", tags, points: [[START + 9, index]] }),
    }));
    await store.append(queues.readyMetrics, left);
    await flushAt(START + 20);
    const kept = [
      ...(await store.stateWithPrefix(windowKeys(queues.rawMetrics).finalSecond)).values(),
    ].join();
    expect(kept.length).toBeGreaterThan(3_000_000);
    expect(kept.length).toBeLessThan(6_000_000);
    expect(await store.size(queues.readyMetrics)).toBe(left.length);
  });

  it("moves nothing for what the agent made itself, or for other windows", async () => {
    const { leave, put, flushAt, points, store } = setUp();
    await put(count(START, 1));
    await flushAt(START + 20);
    const own = { metric: "host.cpu", type: "gauge", tags: [], points: [[START + 30, 1]] };
    await store.append(queues.readyMetrics, [
      { id: "collect.0a1b2c3d.1", score: START + 30, value: JSON.stringify(own) },
      { id: "nonsense", score: START + 30, value: "{" },
    ]);
    await leave(START + 3, 1);
    await leave(START + 20, 1);
    await put(count(START + 31, 5));
    await put(count(START + 1, 2));
    await flushAt(START + 50).catch(() => {});
    const text = (await store.read(queues.readyMetrics, { limit: 100 })).map(({ id }) => id);
    expect(text).toContain(flushId(seconds(START + 30), 0, 0));
    expect(text).toContain(flushId(seconds(START), 1, 0));
    await store.settle({ remove: [{ queue: queues.readyMetrics, records: [{ score: 0, id: "nonsense" }] }] });
    expect(await points()).toContainEqual([START + 1, 2]);
  });
});
