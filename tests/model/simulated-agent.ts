/**
 * An agent on the simulated device: the real loops, lease and wrappers as `pipeline.ts` wires them, with a link, a store
 * and a clock that the model owns.
 */
import {
  milliseconds,
  type ReadyMetric,
  type ReadySketch,
  type ReceivedLog,
  seconds,
} from "@chouette-iot/record";
import type { Config } from "../../packages/agent/src/config/config.js";
import { readSettings } from "../../packages/agent/src/config/config.js";
import { SentBytes } from "../../packages/agent/src/dispatch/sent-bytes.js";
import { runAsLeader } from "../../packages/agent/src/lease/leader.js";
import { encodeLogs } from "../../packages/agent/src/outputs/datadog-logs.js";
import type { Output } from "../../packages/agent/src/outputs/output.js";
import { groupSeries } from "../../packages/agent/src/outputs/series.js";
import { seriesBodies } from "../../packages/agent/src/outputs/series-bodies.js";
import { type Pipeline, startPipeline } from "../../packages/agent/src/pipeline.js";
import type { Log } from "../../packages/agent/src/runtime/log.js";
import { Outage } from "../../packages/agent/src/runtime/outage.js";
import { newAllDeliveries } from "../../packages/agent/src/status/deliveries.js";
import { SeriesMeter } from "../../packages/agent/src/status/series-use.js";
import type { Boot } from "../../packages/agent/src/timekeeping/boot.js";
import { loadWrapper } from "../../packages/agent/src/wrappers/load-wrapper.js";
import type { FarSide } from "./far-side.js";
import type { Settings } from "./operations.js";
import type { ProcessLife } from "./process-life.js";
import { QUEUES } from "./watched-store.js";

export const HOST = "device-1";
export const RELEASE_INTERVAL = 20;

export interface SimulatedAgent {
  /** Resolves after a clean exit. */
  stop(): Promise<void>;
}

export interface AgentOptions {
  readonly life: ProcessLife;
  readonly farSide: FarSide;
  readonly boot: Boot;
  readonly settings: Settings;
  /** Whether others may work on the store. */
  readonly hasLease: boolean;
}

const say = () => {};
const log = { trace: say, debug: say, info: say, warn: say, error: say } as unknown as Log;

const configs = new Map<string, Config>();

export function configOf({ interval, ttl, globalTags, resolution }: Settings): Config {
  const key = JSON.stringify([interval, ttl, globalTags, resolution]);
  const known = configs.get(key);
  if (known !== undefined) return known;
  const loaded = readSettings({
    API_KEY: "0123456789abcdef0123456789abcdef",
    CHOUETTE_OUTPUT: "datadog",
    COLLECTOR_PLUGINS: "[]",
    SEND_SELF_METRICS: "false",
    HOST,
    AGGREGATE_INTERVAL: `${interval}`,
    RELEASE_INTERVAL: `${RELEASE_INTERVAL}`,
    METRIC_TTL: `${ttl}`,
    LOG_TTL: "3600",
    GLOBAL_TAGS: JSON.stringify(globalTags),
    BACKLOG_RESOLUTION: resolution,
  });
  if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
  configs.set(key, loaded.config);
  return loaded.config;
}

/** The work begins in the same step, or when the lease is taken. */
export async function startSimulatedAgent(options: AgentOptions): Promise<SimulatedAgent> {
  const { life, boot, settings, hasLease } = options;
  const config = configOf(settings);
  const clock = life.clock();
  const store = life.store();
  const storeOutage = new Outage("store", clock, log);
  const wrap = await loadWrapper(config.settings.wrapper, config.settings);
  const outputs = {
    metrics: metricsOutput(options),
    logs: logsOutput(options),
    sketches: sketchesOutput(options),
    events: unusedOutput,
    checks: unusedOutput,
  };
  const begin = (workStore: typeof store, lost: AbortSignal): Pipeline =>
    startPipeline(
      {
        config,
        log,
        clock,
        boot,
        store: workStore,
        storeOutage,
        newOutage: (component, state) => new Outage(component, clock, log, state),
        queues: QUEUES,
        engine: { kind: "memory" },
        history: undefined,
        routing: undefined,
        shares: () => 1,
        meters: {
          sentBytes: new SentBytes(workStore, clock),
          deliveries: newAllDeliveries(),
          series: new SeriesMeter(),
        },
        wrap,
        outputs,
      },
      lost,
    );
  if (!hasLease) {
    const work = begin(store, new AbortController().signal);
    return { stop: () => work.stop() };
  }
  let work: Pipeline | undefined;
  const ending = new AbortController();
  const ended = runAsLeader(
    {
      store,
      clock,
      log,
      outages: { store: storeOutage, own: new Outage("The lease", clock, log) },
      begin: (workStore, lost) => {
        work = begin(workStore, lost);
      },
      end: async () => work?.stop(),
    },
    ending.signal,
  );
  return {
    stop: () => {
      ending.abort();
      return ended;
    },
  };
}

/** For the kinds of records that the model doesn't make. */
const unusedOutput: Output<unknown> = {
  send: async () => ({ kind: "delivered", bytes: 0 }),
  check: async () => ({ kind: "delivered", bytes: 0 }),
  close: async () => {},
};

/** As counts of samples, since the far side adds numbers. */
function sketchesOutput({ life, farSide }: AgentOptions): Output<ReadySketch> {
  return sending(life, farSide, (batch) => {
    const counts = batch.map(
      ({ metric, tags, at, sketch }): ReadyMetric => ({
        ...{ metric: `${metric}.samples`, type: "count", tags, points: [[at, sketch.count]] },
        interval: seconds(1),
      }),
    );
    const bodies = seriesBodies(groupSeries(counts), {
      host: HOST,
      apiUrl: "",
      seriesVersion: "v2",
      precision: undefined,
    });
    const json = bodies.find(({ contentType }) => contentType === "application/json");
    return { kind: "metrics", text: Buffer.from(json?.bytes ?? []).toString() };
  });
}

function metricsOutput({ life, farSide }: AgentOptions): Output<ReadyMetric> {
  return sending(life, farSide, (batch) => {
    const series = groupSeries(batch);
    const bodies = seriesBodies(series, {
      host: HOST,
      apiUrl: "",
      seriesVersion: "v2",
      precision: undefined,
    });
    const json = bodies.find(({ contentType }) => contentType === "application/json");
    return { kind: "metrics", text: Buffer.from(json?.bytes ?? []).toString() };
  });
}

function logsOutput({ life, farSide }: AgentOptions): Output<ReceivedLog> {
  return sending(life, farSide, (batch) => ({
    kind: "logs",
    text: encodeLogs(batch, HOST),
  }));
}

function sending<T>(
  life: ProcessLife,
  farSide: FarSide,
  bodyOf: (batch: readonly T[]) => Parameters<FarSide["post"]>[0],
): Output<T> {
  return {
    send: async (batch, signal) => {
      const outcome = await farSide.post(bodyOf(batch), () => life.isAlive, signal);
      await life.goOn();
      return outcome;
    },
    check: async () => {
      await life.goOn();
      return farSide.check();
    },
    close: async () => {},
  };
}

/** A boot that began when the clock had run for so long. */
export function bootAt(id: string, clock: { monotonic(): number }): Boot {
  const began = clock.monotonic();
  return { id, uptime: () => seconds((clock.monotonic() - began) / 1000) };
}

export const NO_LATENCY = milliseconds(0);
