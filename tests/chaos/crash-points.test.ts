/** A crash before and after each single step of the store: every count is delivered once. */
import { queueNames, type Settlement, type Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { decodeReadyMetric, milliseconds, type ReadyMetric, seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { Dispatcher } from "../../packages/agent/src/dispatch/dispatcher.js";
import { SentBytes } from "../../packages/agent/src/dispatch/sent-bytes.js";
import type { Output } from "../../packages/agent/src/outputs/output.js";
import { Windows } from "../../packages/agent/src/runtime/windows.js";
import { datadogWrapper } from "../../packages/agent/src/wrappers/datadog-wrapper.js";
import { newFlusher } from "../support/flushing.js";

const queues = queueNames();

/** A store that fails at its n-th settlement, which is applied before the failure or isn't. */
function crashingAt(store: Store, crash: { readonly step: number; readonly takesEffect: boolean }): Store {
  let step = 0;
  return {
    epoch: store.epoch,
    append: (queue, records) => store.append(queue, records),
    read: (queue, options) => store.read(queue, options),
    orphans: (queue, limit) => store.orphans(queue, limit),
    size: (queue) => store.size(queue),
    state: (keys) => store.state(keys),
    stateWithPrefix: (prefix) => store.stateWithPrefix(prefix),
    counters: () => store.counters(),
    close: () => store.close(),
    settle: async (settlement: Settlement) => {
      step += 1;
      if (step !== crash.step || crash.takesEffect) await store.settle(settlement);
      if (step === crash.step) throw new Error("crash");
    },
  };
}

async function run(store: Store, now: number, intake: Map<string, number>): Promise<void> {
  const clock = {
    now: () => milliseconds(now * 1000),
    monotonic: () => milliseconds(now * 1000),
    sleep: async () => {},
  };
  const output: Output<ReadyMetric> = {
    send: async (batch) => {
      // Like Datadog, keeps the last value for a metric, tags and second.
      for (const { metric, tags, points } of batch) {
        for (const [at, value] of points) intake.set(`${metric} ${tags} ${at}`, value);
      }
      return { kind: "delivered", bytes: 0 };
    },
    check: async () => ({ kind: "delivered", bytes: 0 }),
    close: async () => {},
  };
  const wrap = datadogWrapper({ histogramAggregates: [], histogramPercentiles: [] });
  const ttl = seconds(14_400);
  await newFlusher({ store, clock, wrap, windows: new Windows(seconds(3), seconds(0)) }).flush();
  await new Dispatcher({
    store,
    queue: queues.readyMetrics,
    rejectedQueue: queues.rejected,
    output,
    clock,
    decode: decodeReadyMetric,
    sendPolicy: () => true,
    sentBytes: new SentBytes(store, clock),
    batchSize: 3,
    ttl,
    fresh: seconds(10),
  }).dispatch();
}

async function sumAfterCrash(crash: {
  readonly step: number;
  readonly takesEffect: boolean;
}): Promise<number> {
  const store = new MemoryStore();
  const intake = new Map<string, number>();
  let ids = 0;
  let crashing = crashingAt(store, crash);
  for (let round = 0; round < 6; round++) {
    // A part of each round is late, for windows that were emitted in earlier rounds.
    for (let second = 0; second <= round; second++) {
      for (const zone of ["a", "b"]) {
        const timestamp = 1000 + second;
        const record = { metric: "m", type: "count", value: 1, timestamp, tags: { zone } };
        await store.append(queues.rawMetrics, [
          { id: `id${++ids}`, score: timestamp, value: JSON.stringify(record) },
        ]);
      }
    }
    await run(crashing, 1010 + round, intake).catch(() => {
      // Restarts the agent.
      crashing = store;
    });
  }
  await run(store, 1020, intake);
  return [...intake.values()].reduce((sum, value) => sum + value, 0);
}

describe("every count is delivered once", () => {
  it.each([
    false,
    true,
  ])("wherever the agent crashes between two steps (the step took effect: %s)", async (takesEffect) => {
    const sums = [];
    for (let step = 1; step <= 60; step++) sums.push(await sumAfterCrash({ step, takesEffect }));
    expect(new Set(sums)).toEqual(new Set([42]));
  });
});
