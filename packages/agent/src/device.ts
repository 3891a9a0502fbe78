/**
 * The collectors and the agent's metrics about itself. They belong to a device, not to a store: an agent with shards runs
 * them from its start to its end, whichever shards it works on. Without shards, only the leader runs them.
 */
import { type ReadyMetric, seconds, toMilliseconds } from "@chouette-iot/record";
import { openCollectors } from "./collectors/open-collectors.js";
import { startCollectors } from "./collectors/rounds.js";
import type { CollectorStatus } from "./collectors/runner.js";
import type { Config } from "./config/config.js";
import { OUTPUTS } from "./config/outputs.js";
import { redisAddress } from "./config/redis-address.js";
import type { Clock } from "./runtime/clock.js";
import type { Log } from "./runtime/log.js";
import type { ReadyOrigin } from "./runtime/ready-ids.js";
import type { WriteCheck, WriteReady } from "./runtime/ready-writer.js";
import { runSelfMetrics } from "./status/self-metrics.js";
import type { Status } from "./status/status.js";

export interface DeviceMetrics {
  collectors(): readonly CollectorStatus[];
  /** What each collector measured last, by its name. */
  lastReady(): ReadonlyMap<string, readonly ReadyMetric[]>;
  /** Resolves when every loop has ended. */
  stop(): Promise<void>;
}

/** Where the records go: to the ready queue and the checks of one store, or to those of the shards. */
export interface DeviceWriters {
  ready(origin: ReadyOrigin): WriteReady;
  check(): WriteCheck;
}

export interface DeviceOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly writers: DeviceWriters;
  status(): Promise<Status>;
}

/** @param lost aborted when another agent becomes the leader; collectors end only with `stop` */
export function startDeviceMetrics(options: DeviceOptions, lost: AbortSignal): DeviceMetrics {
  const { config, clock, log, writers } = options;
  const { settings, releaseInterval: every } = config;
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, lost]);
  const loops: Promise<void>[] = [];
  if (settings.selfMetrics && !OUTPUTS[config.output].isForPeople) {
    const write = { ready: writers.ready("self"), check: writers.check() };
    loops.push(runSelfMetrics({ write, clock, every, status: () => options.status() }, signal));
  }
  const collecting = startCollectors({
    collectors: openCollectors({ settings, redis: redisAddress(settings), log }),
    interval: toMilliseconds(seconds(settings.captureInterval)),
    deadline: toMilliseconds(seconds(settings.collectorDeadline)),
    clock,
    log,
    deliver: writers.ready("collect"),
  });
  return {
    collectors: () => collecting.status(),
    lastReady: () => collecting.lastReady(),
    stop: async () => {
      ending.abort();
      await Promise.all([...loops, collecting.stop()]);
    },
  };
}
