/** A flusher on a store in memory, or a given one, with a clock that the test sets. */
import { queueNames, type Store } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { decodeReadyMetric, milliseconds, type ReadyMetric, seconds } from "@chouette-iot/record";
import { KEEPS_ALL, type SeriesFilter } from "../../packages/agent/src/aggregation/series-filter.js";
import type { Thinning } from "../../packages/agent/src/flush/backlog-thinner.js";
import { Flusher, type FlusherOptions } from "../../packages/agent/src/flush/flusher.js";
import { Windows } from "../../packages/agent/src/runtime/windows.js";
import { datadogWrapper } from "../../packages/agent/src/wrappers/datadog-wrapper.js";
import type { Wrap } from "../../packages/agent/src/wrappers/wrapper.js";

const queues = queueNames();
const plainWrapper = datadogWrapper({ histogramAggregates: ["max", "count"], histogramPercentiles: [] });

/** A flusher with the agent's defaults, without filter and histograms' values that a test doesn't ask for. */
export function newFlusher(
  options: Partial<FlusherOptions> & Pick<FlusherOptions, "store" | "clock">,
): Flusher {
  return new Flusher({
    ...{ queues, wrap: plainWrapper, globalTags: [], filter: KEEPS_ALL },
    windows: new Windows(seconds(10), seconds(2)),
    ttl: seconds(14_400),
    earliestPlausible: seconds(0),
    ...options,
  });
}

export interface FlushOptions {
  readonly interval?: number;
  readonly wrap?: Wrap;
  readonly ttl?: number;
  readonly earliestPlausible?: number;
  readonly globalTags?: readonly string[];
  readonly filter?: SeriesFilter;
  readonly thinning?: Thinning;
  readonly host?: string;
}

export interface FlushSetup extends FlushOptions {
  readonly store?: Store;
}

/** A raw record as a client stores it; its score is its timestamp by default. */
export type RawRecord = Readonly<Record<string, unknown>> & { readonly timestamp: number };

export function setUpFlush({ store = new MemoryStore(), ...defaults }: FlushSetup = {}) {
  const time = { now: 0, monotonic: 0 };
  const clock = {
    now: () => milliseconds(time.now * 1000),
    monotonic: () => milliseconds(time.monotonic * 1000),
    sleep: async () => {},
  };
  const flusherWith = (changed: FlushOptions = {}) => {
    const {
      interval = 10,
      ttl = 14_400,
      earliestPlausible = 0,
      host,
      ...others
    } = { ...defaults, ...changed };
    return newFlusher({
      ...{ store, clock, ...others },
      hostName: host === undefined ? undefined : () => host,
      windows: new Windows(seconds(interval), seconds(2)),
      ttl: seconds(ttl),
      earliestPlausible: seconds(earliestPlausible),
    });
  };
  let ids = 0;
  const putText = async (value: string, score: number) => {
    ids += 1;
    await store.append(queues.rawMetrics, [{ id: `id${ids}`, score, value }]);
  };
  return {
    store,
    clock,
    newFlusher: flusherWith,
    /** @param flusher by default a new one, without memory of its own */
    flushAt: async (now: number, flusher = flusherWith()) => {
      // The time since the start goes on as the clock does, and never back.
      time.monotonic += Math.max(0, now - time.now);
      time.now = now;
      return flusher.flush();
    },
    put: (record: RawRecord, score = record.timestamp) => putText(JSON.stringify(record), score),
    putText,
    ready: async (): Promise<readonly ReadyMetric[]> => {
      const records = await store.read(queues.readyMetrics, { limit: 100_000 });
      return records.map(({ value }) => {
        const decoded = decodeReadyMetric(value ?? "");
        if (!decoded.ok) throw new Error(decoded.reason);
        return decoded.value;
      });
    },
    rejected: async () => {
      const records = await store.read(queues.rejected, { limit: 100_000 });
      return records.map(({ value }) => JSON.parse(value ?? ""));
    },
  };
}
