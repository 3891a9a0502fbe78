/**
 * One collector's rounds, one after the other.
 *
 * Promises: nothing that the collector does gets out of here. It may throw, hang or return rubbish: that
 * costs its own metrics, shows in its status, and is reported once when it begins and once when it ends.
 * Two rounds of it never run at once: while one is under way, a hung one too, further rounds are left out.
 * Loses: the metrics of a round that failed or came late, and those that could not be delivered; these are counted.
 * It can't help against code that never yields: that would stop the agent whole, as in any JavaScript.
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
  /** When it last gave metrics, all of them sound. */
  readonly lastSuccess?: Milliseconds;
  readonly lastError?: { readonly at: Milliseconds; readonly message: string };
  /** Rounds that failed or were left out since the last success. */
  readonly consecutiveFailures: number;
  /** How long its last round took that ended by itself. */
  readonly lastDuration?: Milliseconds;
  /** How many metrics that round gave. */
  readonly lastMetrics: number;
  /** What it gave and was no metric, since the start. */
  readonly refused: number;
  /** Metrics that the queue did not take, since the start. */
  readonly undelivered: number;
}

export interface RunnerOptions {
  /** How long the rounds are apart. */
  readonly interval: Milliseconds;
  /** How long a round may take. */
  readonly deadline: Milliseconds;
  readonly clock: Clock;
  readonly log: Log;
  readonly deliver: (ready: readonly ReadyMetric[]) => Promise<void>;
  /** The way to the queue, which all collectors share: its outage is one outage. */
  readonly delivery: Outage;
  /** Aborted when the agent stops. */
  readonly stopping: AbortSignal;
}

/** How long a collector may take to let go of its round, and then to close, when the agent stops. */
const CLOSE_DEADLINE = milliseconds(2_000);
/** Metrics of a collector that are kept to be shown: a cluster's may have thousands. */
const MAX_SHOWN = 50;

type Outcome = { readonly gave: unknown } | { readonly threw: unknown } | "late";

export class Runner {
  readonly #collector: Collector;
  readonly #options: RunnerOptions;
  readonly #outage: Outage;
  #underWay: Promise<void> | undefined;
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

  /** The first metrics of the last round that ended by itself. */
  lastReady(): readonly ReadyMetric[] {
    return this.#lastReady;
  }

  /** Begins a round, unless one is under way. Never throws. */
  begin(): void {
    if (this.#underWay !== undefined) {
      this.#failed("its previous round is still running");
      return;
    }
    this.#underWay = this.#round().finally(() => {
      this.#underWay = undefined;
    });
  }

  /** Resolves when the round under way has ended and the collector is closed, or when either took too long. Never rejects. */
  async close(): Promise<void> {
    await this.#within(CLOSE_DEADLINE, async () => this.#underWay);
    const closed = await this.#within(CLOSE_DEADLINE, async () => this.#collector.close?.());
    if (closed === "late") this.#outage.begin("did not close in time");
    else if ("threw" in closed) this.#outage.begin(messageOf(closed.threw));
  }

  async #round(): Promise<void> {
    const { stopping } = this.#options;
    const round = new AbortController();
    // A collector may ask a hundred containers with this one signal; Node warns from eleven on.
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
      this.#failed(`timed out after ${toSeconds(deadline)} s`);
      round.abort(new Error("the round's deadline has passed"));
      // The round is under way until the collector lets go of it, however long that takes.
      await collecting.catch(() => {});
      return;
    }
    const took = milliseconds(clock.monotonic() - started);
    if ("threw" in outcome) {
      if (stopping.aborted) return;
      this.#status = { ...this.#status, lastDuration: took, lastMetrics: 0 };
      this.#failed(messageOf(outcome.threw));
      return;
    }
    const { ready, refused } = sortCollected(outcome.gave, at, toSeconds(interval));
    this.#status = {
      ...this.#status,
      lastDuration: took,
      lastMetrics: ready.length,
      refused: this.#status.refused + refused.length,
    };
    this.#lastReady = ready.slice(0, MAX_SHOWN);
    this.#judge([...problems, ...refused]);
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

  async #within(deadline: Milliseconds, work: () => Promise<unknown>): Promise<Outcome> {
    const { clock } = this.#options;
    const settled = new AbortController();
    const outcome = work().then(
      (gave): Outcome => ({ gave }),
      (threw: unknown): Outcome => ({ threw }),
    );
    const deadlinePassed = clock.sleep(deadline, settled.signal).then((): Outcome => "late");
    const first = await Promise.race([outcome, deadlinePassed]);
    settled.abort();
    return first;
  }

  #judge(problems: readonly string[]): void {
    const [first] = problems;
    if (first !== undefined) {
      this.#failed(problems.length === 1 ? first : `${first} (${problems.length} problems)`);
      return;
    }
    this.#status = { ...this.#status, lastSuccess: this.#options.clock.now(), consecutiveFailures: 0 };
    this.#outage.end();
  }

  #failed(message: string): void {
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
