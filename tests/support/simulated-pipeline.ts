/** A whole real pipeline in this process, on a given store, with the test's clock and intake. */
import { queueNames, type Store, withStoreErrors } from "@chouette-iot/queue";
import {
  type EventRecord,
  type ReadyMetric,
  type ReadySketch,
  type ReceivedLog,
  type ServiceCheck,
  seconds,
} from "@chouette-iot/record";
import { readSettings } from "../../packages/agent/src/config/config.js";
import { SentBytes } from "../../packages/agent/src/dispatch/sent-bytes.js";
import type { Outcome, Output } from "../../packages/agent/src/outputs/output.js";
import { startPipeline as startAgentPipeline } from "../../packages/agent/src/pipeline.js";
import { Outage } from "../../packages/agent/src/runtime/outage.js";
import { newAllDeliveries } from "../../packages/agent/src/status/deliveries.js";
import { SeriesMeter } from "../../packages/agent/src/status/series-use.js";
import { datadogWrapper } from "../../packages/agent/src/wrappers/datadog-wrapper.js";
import { ManualClock } from "./manual-clock.js";

const queues = queueNames();
const say = () => {};
const log = { debug: say, info: say, warn: say, error: say };
/** Seconds since the boot, at the start. */
const UPTIME = 1_000;

/** Keeps what it is sent. */
export class FarEnd<T> implements Output<T> {
  readonly batches: (readonly T[])[] = [];
  isDown = false;
  /** Answers wait for it. */
  answer: Promise<void> = Promise.resolve();

  async send(batch: readonly T[]): Promise<Outcome> {
    if (this.isDown) return { kind: "unavailable", reason: "down", answered: false, bytes: 0 };
    this.batches.push(batch);
    await this.answer;
    return { kind: "delivered", bytes: 0 };
  }
  check = async (): Promise<Outcome> => ({ kind: "delivered", bytes: 0 });
  close = async () => {};
}

/**
 * @param start the clock's time, in ms
 * @param settings as environment variables
 */
export function startPipeline(store: Store, start: number, settings: Readonly<Record<string, string>> = {}) {
  const clock = new ManualClock(start);
  const outputs = {
    metrics: new FarEnd<ReadyMetric>(),
    logs: new FarEnd<ReceivedLog>(),
    sketches: new FarEnd<ReadySketch>(),
    events: new FarEnd<EventRecord>(),
    checks: new FarEnd<ServiceCheck>(),
  };
  const loaded = readSettings({ API_KEY: "any", SEND_SELF_METRICS: "false", ...settings });
  if (!loaded.ok) throw new Error(loaded.problems.join());
  const marked = withStoreErrors(store);
  const work = startAgentPipeline(
    {
      ...{ log, clock, store: marked, outputs, config: loaded.config },
      wrap: datadogWrapper({ histogramAggregates: [], histogramPercentiles: [] }),
      storeOutage: new Outage("store", clock, log),
      newOutage: (component, state) => new Outage(component, clock, log, state),
      queues,
      meters: {
        sentBytes: new SentBytes(marked, clock),
        deliveries: newAllDeliveries(),
        series: new SeriesMeter(),
      },
      engine: { kind: "memory" },
      history: undefined,
      routing: undefined,
      shares: () => 1,
      boot: { id: "a-boot", uptime: () => seconds(UPTIME + clock.monotonic() / 1000) },
    },
    new AbortController().signal,
  );
  let ids = 0;
  return {
    clock,
    ...outputs,
    stop: () => work.stop(),
    /** A program counts 1. */
    count: async (tags: Readonly<Record<string, string>> = {}, timestamp = clock.now() / 1000) => {
      const value = JSON.stringify({ metric: "m", type: "count", value: 1, timestamp, tags });
      await store.append(queues.rawMetrics, [{ id: `id${++ids}`, score: timestamp, value }]);
    },
    /** A program logs. */
    say: async () => {
      const value = JSON.stringify({
        date: new Date(clock.now()).toISOString(),
        message: { msg: "m" },
        ddtags: [],
      });
      await store.append(queues.logs, [{ id: `id${++ids}`, score: clock.now() / 1000, value }]);
    },
    /** The values that Datadog would keep, by second. */
    points: () => new Map(outputs.metrics.batches.flat().flatMap(({ points }) => points)),
  };
}
