/** A device whose clock is off and gets set, with a timekeeper and a flusher on a store in memory, or a given one. */
import { queueNames, type Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { decodeReadyMetric, milliseconds, seconds } from "@chouette-iot/record";
import { CLOCK_FLOOR } from "../../packages/agent/src/runtime/clock.js";
import type { Log } from "../../packages/agent/src/runtime/log.js";
import { Windows } from "../../packages/agent/src/runtime/windows.js";
import { QueueLocks } from "../../packages/agent/src/timekeeping/queue-locks.js";
import { Timekeeper } from "../../packages/agent/src/timekeeping/timekeeper.js";
import { newFlusher } from "./flushing.js";

const queues = queueNames();
export const TRUE_TIME = Date.UTC(2026, 5, 1) / 1000;
const WINDOWS = new Windows(seconds(10), seconds(2));

/** A device whose clock is off, and whose time since boot runs on evenly. */
export function device(bootTime: number, store: Store = new MemoryStore(), said: string[] = []) {
  const state = { bootTime, uptime: 0, bootId: "a-boot" };
  const now = () => state.bootTime + state.uptime;
  const clock = {
    now: () => milliseconds(now() * 1000),
    monotonic: () => milliseconds(state.uptime * 1000),
    sleep: async () => {},
  };
  const locks = new QueueLocks();
  const newTimekeeper = () =>
    new Timekeeper({
      store,
      queues,
      locks,
      clock,
      boot: { id: state.bootId, uptime: () => seconds(state.uptime) },
      log,
      windows: WINDOWS,
    });
  const say = (first: unknown, text?: string) => {
    said.push(text ?? String(first));
  };
  const log: Log = { debug: say, info: say, warn: say, error: say };
  let ids = 0;
  return {
    state,
    store,
    now,
    locks,
    newTimekeeper,
    newFlusher: () => newFlusher({ store, clock, earliestPlausible: CLOCK_FLOOR }),
    /** A client of the device counts one, by the device's clock. */
    count: async (timestamp = now()) => {
      const value = JSON.stringify({ metric: "m", type: "count", value: 1, timestamp, tags: {} });
      await store.append(queues.rawMetrics, [{ id: `id${++ids}`, score: timestamp, value }]);
    },
    scores: async (queue: string) => (await store.read(queue, { limit: 1000 })).map(({ score }) => score),
    ready: async () => {
      const records = await store.read(queues.readyMetrics, { limit: 1000 });
      return records.flatMap(({ value }) => {
        const decoded = decodeReadyMetric(value ?? "");
        return decoded.ok ? decoded.value.points : [];
      });
    },
  };
}

type Device = ReturnType<typeof device>;

/** Takes what is ready to where the last value of a second is kept. */
export async function send({ store, ready }: Device, kept: Map<number, number>): Promise<void> {
  for (const [at, value] of await ready()) kept.set(at, value);
  const records = await store.read(queues.readyMetrics, { limit: 1000 });
  await store.settle({ remove: [{ queue: queues.readyMetrics, records }] });
}

/** What Datadog would keep of all that is ready, and what is still to be flushed. */
export async function sumOf({ store, ready }: Device): Promise<number> {
  const kept = new Map(await ready());
  const sum = [...kept.values()].reduce((all, value) => all + value, 0);
  return sum + (await store.size(queues.rawMetrics));
}
