/**
 * The figures of the last hour and the last day, for the charts of the dashboard.
 *
 * Promises: fixed memory (about 40 kB), however long the agent runs. A sample without figures is a gap, not a zero.
 * The hour is lost when the agent stops; the day is kept in the store (`history-store.ts`).
 */
import { type Seconds, seconds } from "@chouette-iot/record";
import { linkBytes } from "./link-bytes.js";
import type { Status } from "./status.js";

/** The figures of a sample, in the order in which they are stored. Only append to it: the store has them by index. */
export const FIGURES = [
  "rawPending",
  "readyPending",
  "logsPending",
  "deadLetters",
  /** Age of the oldest ready metric and log, in seconds. */
  "metricsAge",
  "logsAge",
  /** Records per second that entered the raw queue and the log queue. */
  "metricsIn",
  "logsIn",
  /** Records per second that were delivered. */
  "metricsOut",
  "logsOut",
  "bytesToday",
  "bytesMonth",
] as const;

export type Figure = (typeof FIGURES)[number];

/** NaN if a figure is unknown. */
export type Sample = Readonly<Record<Figure, number>>;

export interface TimedSample {
  /** Unix time, in whole seconds. */
  readonly at: Seconds;
  readonly sample: Sample;
}

export const FINE_STEP = seconds(10);
export const COARSE_STEP = seconds(300);
const FINE_SAMPLES = 3_600 / FINE_STEP;
const COARSE_SAMPLES = 86_400 / COARSE_STEP;

/** A ring buffer of samples. */
class Ring {
  /** Allocated with the first sample: an agent without a status server has none. */
  #times = new Float64Array(0);
  #values = new Float32Array(0);
  #written = 0;

  constructor(readonly length: number) {}

  add({ at, sample }: TimedSample): void {
    if (this.#written === 0) {
      this.#times = new Float64Array(this.length);
      this.#values = new Float32Array(this.length * FIGURES.length);
    }
    const place = this.#written % this.length;
    this.#times[place] = at;
    FIGURES.forEach((figure, index) => {
      this.#values[place * FIGURES.length + index] = sample[figure];
    });
    this.#written += 1;
  }

  /** In order of time. */
  samples(): readonly TimedSample[] {
    const places = Array.from({ length: Math.min(this.#written, this.length) }, (_, place) => place);
    return places
      .map((place) => ({
        at: seconds(this.#times[place] ?? 0),
        sample: toSample((index) => this.#values[place * FIGURES.length + index]),
      }))
      .sort((a, b) => a.at - b.at);
  }
}

export function toSample(valueAt: (index: number) => number | undefined): Sample {
  const entries = FIGURES.map((figure, index) => [figure, valueAt(index) ?? Number.NaN]);
  return Object.fromEntries(entries) as Record<Figure, number>;
}

/** The largest value of each figure in a coarse step: peaks must stay visible. */
function largest(samples: readonly TimedSample[]): Sample {
  return toSample((index) => {
    const figure = FIGURES[index];
    const values = samples.map(({ sample }) => (figure === undefined ? Number.NaN : sample[figure]));
    const known = values.filter((value) => !Number.isNaN(value));
    return known.length === 0 ? undefined : Math.max(...known);
  });
}

export class History {
  readonly #fine = new Ring(FINE_SAMPLES);
  #coarse = new Ring(COARSE_SAMPLES);
  /** Samples of the current coarse step. */
  #current: readonly TimedSample[] = [];

  add(timed: TimedSample): void {
    this.#fine.add(timed);
    const [first] = this.#current;
    if (first !== undefined && stepOf(first.at) !== stepOf(timed.at)) {
      this.#coarse.add({ at: stepOf(first.at), sample: largest(this.#current) });
      this.#current = [];
    }
    // Bounded, even if the clock stands still.
    this.#current = [...this.#current, timed].slice(-COARSE_STEP);
  }

  /** Adds samples of an earlier run, except for times that already have one. */
  restore(stored: readonly TimedSample[]): void {
    const all = new Map([...stored, ...this.#coarse.samples()].map((timed) => [timed.at, timed]));
    const ring = new Ring(COARSE_SAMPLES);
    for (const timed of [...all.values()].sort((a, b) => a.at - b.at).slice(-COARSE_SAMPLES)) ring.add(timed);
    this.#coarse = ring;
  }

  /** Without samples of the future: the clock may have been set back. */
  hour(now: Seconds): readonly TimedSample[] {
    return within(this.#fine.samples(), now, 3_600);
  }

  /** One sample for every five minutes, and one for the current five. */
  day(now: Seconds): readonly TimedSample[] {
    const [first] = this.#current;
    const current = first === undefined ? [] : [{ at: stepOf(first.at), sample: largest(this.#current) }];
    return within([...this.#coarse.samples(), ...current], now, 86_400);
  }
}

function stepOf(at: Seconds): Seconds {
  return seconds(at - (at % COARSE_STEP));
}

/** After a restart, a step may have a sample of each run: the later one is used. */
function within(samples: readonly TimedSample[], now: Seconds, span: number): readonly TimedSample[] {
  const recent = samples.filter(({ at }) => at <= now && at > now - span);
  return [...new Map(recent.map((timed) => [timed.at, timed])).values()].sort((a, b) => a.at - b.at);
}

/** The figures of a status, with rates since an earlier one. */
export function sampleOf(
  status: Pick<Status, "queues" | "sent">,
  before: Pick<Status, "queues"> | undefined,
  elapsed: Seconds,
): Sample {
  const named = (from: Pick<Status, "queues"> | undefined, name: string) =>
    from?.queues?.find((queue) => queue.name.endsWith(name));
  const pending = (name: string) => named(status, name)?.ledger.pending ?? Number.NaN;
  const age = (name: string) => {
    const queue = named(status, name);
    return queue === undefined ? Number.NaN : (queue.oldestAge ?? 0);
  };
  const rate = (name: string, read: (ledger: Ledger) => number) => {
    const [from, to] = [named(before, name)?.ledger, named(status, name)?.ledger];
    if (from === undefined || to === undefined || elapsed <= 0) return Number.NaN;
    return Math.max(0, read(to) - read(from)) / elapsed;
  };
  const delivered = ({ done }: Ledger) => done.delivered ?? 0;
  const accepted = (ledger: Ledger) => ledger.accepted;
  return {
    rawPending: pending(RAW),
    readyPending: pending(READY),
    logsPending: pending(LOGS),
    deadLetters: pending(DEAD_LETTERS),
    metricsAge: age(READY),
    logsAge: age(LOGS),
    metricsIn: rate(RAW, accepted),
    logsIn: rate(LOGS, accepted),
    metricsOut: rate(READY, delivered),
    logsOut: rate(LOGS, delivered),
    bytesToday: linkBytes(status, "today") ?? Number.NaN,
    bytesMonth: status.sent?.month ?? Number.NaN,
  };
}

type Ledger = NonNullable<Status["queues"]>[number]["ledger"];

/** Ends of the queues' names, which may begin with a shard. */
const RAW = ":metrics:raw";
const READY = ":metrics:wrapped";
const LOGS = ":logs:wrapped";
const DEAD_LETTERS = ":rejected";
