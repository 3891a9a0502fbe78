/**
 * A load of numbered records on a client: counts and logs in turn. It knows when each was confirmed, and finds out which of
 * them are missing at the intake. Logs have their number; counts of a slice of numbers are one series, whose sum is known.
 */
import type { ChouetteClient } from "chouette-iot-client";

const TICK_MS = 20;
/** Numbers whose counts have the same tag. */
const SLICE = 200;
const METRIC = "load";

/** A time span in ms of Unix time. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface NumberedLoad {
  /** Records so far. */
  made(): number;
  /** Records that were confirmed within one of the spans. */
  confirmedWithin(spans: readonly Span[]): number;
  stop(): void;
  /**
   * Compares what was made with what arrived, once everything has been stored. A record that had to wait for a connection has
   * no time of its confirmation: it must arrive.
   *
   * @param sums of the metric "load", by its tag "slice"
   * @param logs texts, as they arrived
   * @param spans records confirmed within them may be missing
   */
  compare(sums: ReadonlyMap<string, number>, logs: ReadonlySet<string>, spans: readonly Span[]): Comparison;
}

export interface Comparison {
  /** Records that didn't arrive. */
  readonly missing: number;
  /** Records missing that weren't confirmed within the spans, and sums that are too large. */
  readonly wrong: readonly string[];
}

/** Even numbers are counts, odd ones logs. By the clock, so that a busy machine makes as many. */
export function startNumberedLoad(client: ChouetteClient, perSecond: number): NumberedLoad {
  /** By number: when it was confirmed; undefined if it has to wait. */
  const confirmed: (number | undefined)[] = [];
  const logger = client.logSink({ service: METRIC });
  const begun = performance.now();
  const make = (number: number) =>
    number % 2 === 0
      ? client.count(METRIC, 1, { tags: { slice: `${sliceOf(number)}` } })
      : logger.info(textOf(number));
  const timer = setInterval(() => {
    while (confirmed.length < ((performance.now() - begun) * perSecond) / 1_000) {
      const number = confirmed.push(undefined) - 1;
      void make(number).then((isStored) => {
        if (isStored) confirmed[number] = Date.now();
      });
    }
  }, TICK_MS);
  const isWithin = (at: number | undefined, spans: readonly Span[]) =>
    at !== undefined && spans.some(({ from, to }) => at >= from && at <= to);
  return {
    made: () => confirmed.length,
    confirmedWithin: (spans) => confirmed.filter((at) => isWithin(at, spans)).length,
    stop: () => clearInterval(timer),
    compare: (sums, logs, spans) => {
      const wrong: string[] = [];
      let missing = 0;
      /** By slice: counts that were confirmed, and those of them within the spans. */
      const slices = new Map<string, { all: number; within: number }>();
      for (const [number, at] of confirmed.entries()) {
        if (number % 2 === 0) {
          const slice = slices.get(`${sliceOf(number)}`) ?? { all: 0, within: 0 };
          slice.all += 1;
          if (isWithin(at, spans)) slice.within += 1;
          slices.set(`${sliceOf(number)}`, slice);
        } else if (!logs.has(textOf(number))) {
          missing += 1;
          if (!isWithin(at, spans)) wrong.push(`log ${number}, confirmed at ${at}`);
        }
      }
      for (const [slice, { all, within }] of slices) {
        const lost = all - (sums.get(slice) ?? 0);
        missing += lost;
        if (lost < 0 || lost > within)
          wrong.push(`slice ${slice}: ${lost} of ${all} missing, at most ${within}`);
      }
      return { missing, wrong };
    },
  };
}

function sliceOf(number: number): number {
  return Math.floor(number / SLICE);
}

function textOf(number: number): string {
  return `log ${number}`;
}
