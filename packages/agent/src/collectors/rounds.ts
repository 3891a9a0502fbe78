/**
 * The rounds of all collectors: they begin together, at whole multiples of the interval on the device's clock.
 *
 * Each collector then runs alone (`runner.ts`), so that none waits for another. The picture:
 *
 *     clock ──► round ──► runner ──► collector ──► metrics ──► sortCollected ──► deliver
 *                    ├──► runner ──► collector ──► …
 */
import { type Milliseconds, milliseconds, type ReadyMetric } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { Outage } from "../runtime/outage.js";
import type { Collector } from "./collector.js";
import { type CollectorStatus, Runner } from "./runner.js";

export interface RoundsOptions {
  readonly collectors: readonly Collector[];
  readonly interval: Milliseconds;
  /** How long a collector may take for a round. Where it is longer than the interval, the interval counts. */
  readonly deadline: Milliseconds;
  readonly clock: Clock;
  readonly log: Log;
  /** Puts ready metrics into the queue; rejects if it can't. */
  readonly deliver: (ready: readonly ReadyMetric[]) => Promise<void>;
}

export interface Rounds {
  status(): readonly CollectorStatus[];
  /** The first metrics of each collector's last round, by its name. */
  lastReady(): ReadonlyMap<string, readonly ReadyMetric[]>;
  /** Aborts what is under way and closes the collectors; resolves in four seconds at most. */
  stop(): Promise<void>;
}

export function startCollectors(options: RoundsOptions): Rounds {
  const { collectors, interval, clock, log, deliver } = options;
  const deadline = milliseconds(Math.min(options.deadline, interval));
  const delivery = new Outage("delivery of collected metrics", clock, log);
  const stop = new AbortController();
  const stopping = stop.signal;
  const runners = collectors.map(
    (collector) => new Runner(collector, { interval, deadline, clock, log, deliver, delivery, stopping }),
  );
  const loop = runRounds(runners, interval, clock, stopping);
  return {
    status: () => runners.map((runner) => runner.status()),
    lastReady: () => new Map(runners.map((runner) => [runner.status().name, runner.lastReady()])),
    stop: async () => {
      stop.abort(new Error("the agent stops"));
      await loop;
      await Promise.all(runners.map((runner) => runner.close()));
    },
  };
}

async function runRounds(
  runners: readonly Runner[],
  interval: Milliseconds,
  clock: Clock,
  stopping: AbortSignal,
): Promise<void> {
  if (runners.length === 0) return;
  while (!stopping.aborted) {
    await clock.sleep(untilNextRound(clock.now(), interval), stopping);
    if (stopping.aborted) return;
    for (const runner of runners) runner.begin();
  }
}

/**
 * How long until the next multiple of the interval, and one millisecond more: timers may fire up to one
 * early, and a round that began before its second would be stamped with the one before and begin again.
 */
function untilNextRound(now: Milliseconds, interval: Milliseconds): Milliseconds {
  return milliseconds(interval - (now % interval) + 1);
}
