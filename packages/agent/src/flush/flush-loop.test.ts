import { queueNames, StoreError, withStoreErrors } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { decodeReadyMetric, seconds } from "@chouette-iot/record";
import { afterEach, describe, expect, it } from "vitest";
import { newFlusher } from "../../../../tests/support/flushing.js";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import { CLOCK_FLOOR } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { Outage } from "../runtime/outage.js";
import { Windows } from "../runtime/windows.js";
import { QueueLocks } from "../timekeeping/queue-locks.js";
import { Timekeeper } from "../timekeeping/timekeeper.js";
import { runFlushLoop } from "./flush-loop.js";

const queues = queueNames();
const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
/** A window's start. */
const START = Date.UTC(2026, 5, 1) / 1000;
const WINDOWS = new Windows(seconds(10), seconds(2));

let end = async () => {};
afterEach(() => end());

/** A loop whose clock stands at a window's start, and whose flushes may be made to fail. */
function startLoop(options: { readonly fail?: () => void; readonly isClockSet?: () => boolean } = {}) {
  const { fail = () => {}, isClockSet = () => true } = options;
  const memory = new MemoryStore();
  const store = withStoreErrors(memory);
  const clock = new ManualClock(START * 1000);
  const flushes: number[] = [];
  const flusher = newFlusher({ store, clock, earliestPlausible: CLOCK_FLOOR });
  const boot = { id: "a-boot", uptime: () => seconds(1000 + clock.monotonic() / 1000) };
  const locks = new QueueLocks();
  const timekeeper = new Timekeeper({ store, queues, locks, clock, boot, log, windows: WINDOWS });
  const outages = { store: new Outage("store", clock, log), own: new Outage("flush", clock, log, "failing") };
  const ending = new AbortController();
  const flush = flusher.flush.bind(flusher);
  const failures: unknown[] = [];
  flusher.flush = async () => {
    flushes.push(clock.now() / 1000 - START);
    fail();
    try {
      return await flush();
    } catch (error) {
      failures.push(error);
      throw error;
    }
  };
  const running = runFlushLoop(
    {
      ...{ flusher, clock, log, outages, windows: WINDOWS },
      checkClock: async () => (isClockSet() ? timekeeper.check() : { isTrusted: false, hasShifted: false }),
      onFlushed: () => {},
    },
    ending.signal,
  );
  end = async () => {
    ending.abort();
    await running;
  };
  return { store, clock, flushes, failures, outages };
}

async function count(store: MemoryStore | ReturnType<typeof withStoreErrors>, id: string, timestamp: number) {
  const value = JSON.stringify({ metric: "m", type: "count", value: 1, timestamp, tags: {} });
  await store.append(queues.rawMetrics, [{ id, score: timestamp, value }]);
}

describe("the flush loop", () => {
  it("flushes once whenever a window closes, and waits in between", async () => {
    const { clock, flushes } = startLoop();
    await clock.advance(32_500);
    expect(flushes).toEqual([0, 2, 12, 22, 32]);
  });

  it("tries again a second after a failure, and no sooner", async () => {
    let failures = 3;
    const { clock, flushes } = startLoop({
      fail: () => {
        if (failures-- > 0) throw new StoreError("gone");
      },
    });
    await clock.advance(12_500);
    expect(flushes).toEqual([0, 1, 2, 3, 12]);
  });

  it("reports the store's failures as the store's outage, and any other as its own", async () => {
    let failure: Error | undefined = new StoreError("ECONNREFUSED");
    const { clock, outages } = startLoop({
      fail: () => {
        if (failure !== undefined) throw failure;
      },
    });
    await clock.advance(0);
    expect(outages.store.report().current?.reason).toBe("ECONNREFUSED");
    expect(outages.own.isOn).toBe(false);
    failure = undefined;
    await clock.advance(1_000);
    expect(outages.store.isOn).toBe(false);
    failure = new RangeError("Maximum call stack size exceeded");
    await clock.advance(10_000);
    expect(outages.store.isOn).toBe(false);
    expect(outages.own.report().current?.reason).toBe("RangeError: Maximum call stack size exceeded");
    failure = undefined;
    await clock.advance(1_000);
    expect(outages.own.isOn).toBe(false);
  });

  it("waits a second at a time while the clock isn't set, and flushes nothing", async () => {
    let isSet = false;
    const { clock, flushes } = startLoop({ isClockSet: () => isSet });
    await clock.advance(5_000);
    expect(flushes).toEqual([]);
    isSet = true;
    await clock.advance(1_000);
    expect(flushes).toEqual([6]);
  });

  it("loses no late record of a window that a clock's jump has moved", async () => {
    const { store, clock, failures } = startLoop();
    await count(store, "first", START + 1);
    await clock.advance(12_500);
    // Stamped before the jump, stored after the flush: moved with its window, of which one second is used up.
    await count(store, "late", START + 2);
    clock.jump(3_600_000);
    await clock.advance(12_000);
    const ready = await store.read(queues.readyMetrics, { limit: 10 });
    const points = ready.flatMap(({ value }) => {
      const decoded = decodeReadyMetric(value ?? "");
      return decoded.ok ? decoded.value.points : [];
    });
    // It goes by the state as it is now, immediately: by the former one, the store would have refused it.
    expect(failures).toEqual([]);
    expect(points).toEqual([
      [START + 3600, 1],
      [START + 3601, 1],
    ]);
  });
});
