/**
 * The rounds of all collectors. They begin together, at multiples of the interval on the device's clock.
 *
 * Each collector has its own runner (`runner.ts`), so none waits for another:
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
  /** Time limit of a round; at most the interval. */
  readonly deadline: Milliseconds;
  readonly clock: Clock;
  readonly log: Log;
  /** Writes ready metrics to their queue; rejects if it can't. */
  readonly deliver: (ready: readonly ReadyMetric[]) => Promise<void>;
}

export interface Rounds {
  status(): readonly CollectorStatus[];
  /** The first metrics of each collector's last round, by its name. */
  lastReady(): ReadonlyMap<string, readonly ReadyMetric[]>;
  /** Aborts running rounds and closes the collectors. Resolves within four seconds. */
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
      stop.abort(new Error("the agent is stopping"));
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
 * The time until the next multiple of the interval, plus a millisecond: timers may fire up to one early. A round that began
 * early would get the previous second as its timestamp, and begin again.
 */
function untilNextRound(now: Milliseconds, interval: Milliseconds): Milliseconds {
  return milliseconds(interval - (now % interval) + 1);
}
