/** Delivery of metrics over real HTTP, with a store in memory and a clock whose waits are short and recorded. */
import { queueNames } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import {
  decodeReadyMetric,
  encodeReadyMetric,
  type Milliseconds,
  milliseconds,
  type ReadyMetric,
  seconds,
} from "@chouette-iot/record";
import { DispatchLoop, type DispatchLoopOptions } from "../../packages/agent/src/dispatch/dispatch-loop.js";
import { Dispatcher } from "../../packages/agent/src/dispatch/dispatcher.js";
import { readRecentBodyBytes, SentBytes } from "../../packages/agent/src/dispatch/sent-bytes.js";
import { type Intake, type IntakeOptions, startIntake } from "../../packages/agent/src/intake/intake.js";
import { type ApiKey, fixedKey } from "../../packages/agent/src/outputs/api-key.js";
import type { ConnectionOptions } from "../../packages/agent/src/outputs/connections.js";
import { datadogMetrics } from "../../packages/agent/src/outputs/datadog-metrics.js";
import { HttpSender, type HttpTimeouts } from "../../packages/agent/src/outputs/http.js";
import type { SeriesVersion } from "../../packages/agent/src/outputs/series-bodies.js";
import { WireMeter } from "../../packages/agent/src/outputs/wire-meter.js";
import { type Clock, systemClock } from "../../packages/agent/src/runtime/clock.js";
import type { Log } from "../../packages/agent/src/runtime/log.js";
import { Outage } from "../../packages/agent/src/runtime/outage.js";

export interface DeliveringOptions {
  /** Of the intake, without a path. */
  readonly url: string;
  readonly key?: ApiKey;
  readonly batchSize?: number;
  readonly connection?: ConnectionOptions;
  readonly timeouts?: Partial<HttpTimeouts>;
  /** Short, or until the loop is woken. */
  readonly sleeps?: "short" | "for ever";
  readonly whileClockHolds?: DispatchLoopOptions<ReadyMetric>["whileClockHolds"];
  /** v2 by default. */
  readonly seriesVersion?: SeriesVersion;
  readonly hostName?: () => string;
  /** Shared with another. */
  readonly store?: MemoryStore;
}

export const KEY = "0123456789abcdef0123456789abcdef";
const QUEUE = queueNames().readyMetrics;
const REJECTED = queueNames().rejected;
const ms = milliseconds;
const TIMEOUTS = {
  connect: ms(2_000),
  answer: ms(300),
  whole: ms(1_000),
  keepAlive: ms(5_000),
  farewell: ms(500),
  turn: ms(500),
};
const RELEASE = ms(60_000);

export function startDelivering({
  url,
  key,
  batchSize = 100,
  connection,
  timeouts,
  store = new MemoryStore(),
  sleeps = "short",
  seriesVersion = "v2",
  hostName = () => "device-1",
  whileClockHolds = (step) => step(),
}: DeliveringOptions) {
  const waits: Milliseconds[] = [];
  const said: string[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: (duration, signal) => {
      waits.push(duration);
      return systemClock.sleep(ms(sleeps === "short" ? 5 : 1e9), signal);
    },
  };
  const details: unknown[] = [];
  const say = (detail: unknown, text: string) => {
    details.push(detail);
    said.push(text);
  };
  const log = { debug: say, info: say, warn: say, error: say } as unknown as Log;
  const wireMeter = new WireMeter();
  const sentBytes = new SentBytes(store, clock, wireMeter);
  const output = datadogMetrics({
    apiUrl: `${url}/api`,
    key: key ?? fixedKey(KEY),
    hostName,
    seriesVersion,
    precision: undefined,
    purpose: "metrics",
    sender: new HttpSender(connection, { ...TIMEOUTS, ...timeouts }, wireMeter),
  });
  const dispatcher = new Dispatcher({
    store,
    queue: QUEUE,
    rejectedQueue: REJECTED,
    output,
    clock,
    decode: decodeReadyMetric,
    sendPolicy: () => true,
    sentBytes,
    batchSize,
    ttl: seconds(14_400),
    fresh: seconds(100),
  });
  const loop = new DispatchLoop({
    whileClockHolds,
    name: "Datadog",
    dispatcher,
    output,
    clock,
    log,
    releaseInterval: RELEASE,
    loopOutages: {
      store: new Outage("store", clock, log),
      own: new Outage("dispatch", clock, log, "failing"),
    },
    outputOutage: new Outage("Datadog", clock, log),
  });
  const ending = new AbortController();
  let running: Promise<void> | undefined;
  let ids = 0;
  return {
    store,
    dispatcher,
    sentBytes,
    /** Of bodies, by the store, today. */
    bodyBytes: async () => (await readRecentBodyBytes(store, clock)).today,
    /** The loop's waits in milliseconds, in order. */
    waits,
    /** Its log messages, and their details. */
    said,
    details,
    /** Stores a gauge of this name and age in seconds. */
    put: async (metric: string, age = 10, tags: readonly string[] = []) => {
      const at = seconds(Math.floor(Date.now() / 1000) - age);
      const value = encodeReadyMetric({ metric, type: "gauge", tags, points: [[at, 1]] }) ?? "";
      await store.append(QUEUE, [{ score: at, id: `${++ids}`.padStart(6, "0"), value }]);
    },
    loop,
    run: () => {
      running = loop.run(ending.signal);
    },
    waiting: () => store.size(QUEUE),
    delivered: async () => (await store.counters()).get(`${QUEUE}:delivered`) ?? 0,
    rejected: async () => {
      const records = await store.read(REJECTED, { limit: 1000 });
      return records.map(({ value }) => JSON.parse(value ?? "") as { reason: string; value: string });
    },
    stop: async () => {
      ending.abort();
      await running;
      await output.close();
    },
  };
}

export type Delivering = ReturnType<typeof startDelivering>;

/** Call it once, at the top of a test file. @param cleanUps gets the end of everything that is started */
export function deliveries(cleanUps: (() => unknown)[]) {
  return {
    intakeWith: async (options: IntakeOptions = {}): Promise<Intake> => {
      const intake = await startIntake({ apiKey: KEY, ...options });
      cleanUps.push(() => intake.close());
      return intake;
    },
    deliverTo: (url: string, options: Partial<DeliveringOptions> = {}): Delivering => {
      const delivering = startDelivering({ url, ...options });
      cleanUps.push(() => delivering.stop());
      return delivering;
    },
  };
}
