/**
 * Runs the rounds of one collector, one after another.
 *
 * Promises: a collector can't harm anything else. If it throws, hangs or returns garbage, only its own metrics are lost;
 * its status shows it, and it is logged once when it begins and once when it ends. Two of its rounds never overlap:
 * while one runs, even if it hangs, further rounds are skipped.
 * Loses: the metrics of a round that failed or timed out, and those that couldn't be delivered, which are counted.
 * Limit: a collector that never yields blocks the whole agent.
 */
import { setMaxListeners } from "node:events";
import {
  type Milliseconds,
  messageOf,
  milliseconds,
  type ReadyMetric,
  type Seconds,
  seconds,
  toSeconds,
} from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { Outage } from "../runtime/outage.js";
import type { Collector } from "./collector.js";
import { sortCollected } from "./ready.js";

export interface CollectorStatus {
  readonly name: string;
  readonly subject?: string;
  /** Unix time of the last round without a problem. */
  readonly lastSuccess?: Milliseconds;
  readonly lastError?: { readonly at: Milliseconds; readonly message: string };
  /** Rounds that failed or were skipped since the last success. */
  readonly consecutiveFailures: number;
  /** Duration of the last round that ended in time. */
  readonly lastDuration?: Milliseconds;
  /** Number of metrics of that round. */
  readonly lastMetrics: number;
  /** Number of invalid metrics since the start. */
  readonly refused: number;
  /** Number of metrics since the start that couldn't be written to the queue. */
  readonly undelivered: number;
}

export interface RunnerOptions {
  /** Between two rounds. */
  readonly interval: Milliseconds;
  /** Time limit of a round. */
  readonly deadline: Milliseconds;
  readonly clock: Clock;
  readonly log: Log;
  readonly deliver: (ready: readonly ReadyMetric[]) => Promise<void>;
  /** Of the queue. All collectors share it, so that an outage is reported once. */
  readonly delivery: Outage;
  /** Aborted when the agent stops. */
  readonly stopping: AbortSignal;
}

/** When the agent stops: time limit for a collector's round, and then for its `close`. */
const CLOSE_DEADLINE = milliseconds(2_000);
/** Number of metrics that are kept to be shown: the k8s collector may have thousands. */
const MAX_SHOWN = 50;

type RoundOutcome = { readonly returned: unknown } | { readonly threw: unknown } | "late";

export class Runner {
  readonly #collector: Collector;
  readonly #options: RunnerOptions;
  readonly #outage: Outage;
  #current: Promise<void> | undefined;
  #status: CollectorStatus;
  #lastReady: readonly ReadyMetric[] = [];

  constructor(collector: Collector, options: RunnerOptions) {
    this.#collector = collector;
    this.#options = options;
    this.#outage = new Outage(`collector ${collector.name}`, options.clock, options.log, "failing");
    this.#status = {
      name: collector.name,
      consecutiveFailures: 0,
      lastMetrics: 0,
      refused: 0,
      undelivered: 0,
    };
  }

  status(): CollectorStatus {
    const { subject } = this.#collector;
    return subject === undefined ? this.#status : { ...this.#status, subject };
  }

  /** The first metrics of the last round that ended in time. */
  lastReady(): readonly ReadyMetric[] {
    return this.#lastReady;
  }

  /** Begins a round, unless one is running. Never throws. */
  begin(): void {
    if (this.#current !== undefined) {
      this.#fail("its previous round is still running");
      return;
    }
    this.#current = this.#round().finally(() => {
      this.#current = undefined;
    });
  }

  /** Waits for the current round and closes the collector, each up to a time limit. Never rejects. */
  async close(): Promise<void> {
    await this.#within(CLOSE_DEADLINE, async () => this.#current);
    const closed = await this.#within(CLOSE_DEADLINE, async () => this.#collector.close?.());
    if (closed === "late") this.#outage.begin("did not close in time");
    else if ("threw" in closed) this.#outage.begin(messageOf(closed.threw));
  }

  async #round(): Promise<void> {
    const { stopping } = this.#options;
    const round = new AbortController();
    // A collector may use it for a hundred requests. Node warns of more than ten listeners.
    setMaxListeners(0, round.signal);
    const stop = () => round.abort(stopping.reason);
    stopping.addEventListener("abort", stop, { once: true });
    await this.#collect(round);
    stopping.removeEventListener("abort", stop);
  }

  async #collect(round: AbortController): Promise<void> {
    const { clock, interval, deadline, stopping } = this.#options;
    const at = wholeSecond(clock);
    const started = clock.monotonic();
    const problems: string[] = [];
    const report = (problem: string) => problems.push(problem);
    const collecting = (async () => this.#collector.collect({ clock, signal: round.signal, report }))();
    const outcome = await this.#within(deadline, () => collecting);
    if (outcome === "late") {
      if (stopping.aborted) return;
      this.#fail(`timed out after ${toSeconds(deadline)} s`);
      round.abort(new Error("the round's deadline has passed"));
      // The round isn't over before the collector returns, however long that takes.
      await collecting.catch(() => {});
      return;
    }
    const took = milliseconds(clock.monotonic() - started);
    if ("threw" in outcome) {
      if (stopping.aborted) return;
      this.#status = { ...this.#status, lastDuration: took, lastMetrics: 0 };
      this.#fail(messageOf(outcome.threw));
      return;
    }
    const { ready, refused } = sortCollected(outcome.returned, at, toSeconds(interval));
    this.#status = {
      ...this.#status,
      lastDuration: took,
      lastMetrics: ready.length,
      refused: this.#status.refused + refused.length,
    };
    this.#lastReady = ready.slice(0, MAX_SHOWN);
    this.#report([...problems, ...refused]);
    await this.#deliver(ready);
  }

  async #deliver(ready: readonly ReadyMetric[]): Promise<void> {
    if (ready.length === 0) return;
    const { deliver, delivery } = this.#options;
    try {
      await deliver(ready);
      delivery.end();
    } catch (error) {
      this.#status = { ...this.#status, undelivered: this.#status.undelivered + ready.length };
      delivery.begin(messageOf(error));
    }
  }

  async #within(deadline: Milliseconds, work: () => Promise<unknown>): Promise<RoundOutcome> {
    const { clock } = this.#options;
    const settled = new AbortController();
    const outcome = work().then(
      (returned): RoundOutcome => ({ returned }),
      (threw: unknown): RoundOutcome => ({ threw }),
    );
    const deadlinePassed = clock.sleep(deadline, settled.signal).then((): RoundOutcome => "late");
    const first = await Promise.race([outcome, deadlinePassed]);
    settled.abort();
    return first;
  }

  #report(problems: readonly string[]): void {
    const [first] = problems;
    if (first !== undefined) {
      this.#fail(problems.length === 1 ? first : `${first} (${problems.length} problems)`);
      return;
    }
    this.#status = { ...this.#status, lastSuccess: this.#options.clock.now(), consecutiveFailures: 0 };
    this.#outage.end();
  }

  #fail(message: string): void {
    this.#status = {
      ...this.#status,
      lastError: { at: this.#options.clock.now(), message },
      consecutiveFailures: this.#status.consecutiveFailures + 1,
    };
    this.#outage.begin(message);
  }
}

function wholeSecond(clock: Clock): Seconds {
  return seconds(Math.floor(toSeconds(clock.now())));
}
