/**
 * The link and the intake: keeps the last value for a series and second, like Datadog, whatever answer the sender gets.
 */

import { milliseconds } from "@chouette-iot/record";
import { outcomeOf } from "../../packages/agent/src/outputs/answer.js";
import type { Outcome } from "../../packages/agent/src/outputs/output.js";
import { seriesKey } from "./accounts.js";
import type { ModelClock } from "./model-clock.js";
import type { Answer } from "./operations.js";

export interface ArrivedPoint {
  readonly group: string;
  readonly metric: string;
  readonly at: number;
  /** A rate is multiplied by its interval. */
  readonly amount: number;
  readonly value: number;
  readonly type: number;
}

export interface ArrivedLog {
  readonly id: string;
  readonly date: string;
}

/** A series as JSON v2 has it. */
interface SentSeries {
  readonly metric: string;
  readonly type: number;
  readonly tags?: readonly string[];
  readonly interval?: number;
  readonly points: readonly { readonly timestamp: number; readonly value: number }[];
}

export type Body =
  | { readonly kind: "metrics"; readonly text: string }
  | { readonly kind: "logs"; readonly text: string };

const ANSWERS: Readonly<Record<Exclude<Answer, "none">, { readonly status: number; readonly text: string }>> =
  {
    html: { status: 200, text: "<!DOCTYPE html><html><body>Welcome to the hotel</body></html>" },
    empty: { status: 204, text: "" },
    redirect: { status: 302, text: "" },
    forbidden: { status: 403, text: '{"errors":["Forbidden"]}' },
    "bad request": { status: 400, text: "Bad Request" },
    "too large": { status: 413, text: "Request Entity Too Large" },
    "too many": { status: 429, text: "" },
    error: { status: 502, text: "Bad Gateway" },
    partial: { status: 202, text: '{"errors":["not taken"]}' },
  };

const RATE = 2;
/** As the sender has it. */
const FAREWELL = milliseconds(5_000);

export class FarSide {
  answer: Answer | "up" | "down" = "up";
  latency = 0;
  losesNextAnswer = false;
  readonly #clock: ModelClock;
  readonly #points = new Map<string, Map<number, ArrivedPoint>>();
  readonly #logs = new Map<string, string[]>();
  readonly #onPoint: (point: ArrivedPoint) => void;
  readonly #onLog: (log: ArrivedLog) => void;
  readonly #onDoubt: () => void;

  constructor(
    clock: ModelClock,
    hooks: { onPoint(point: ArrivedPoint): void; onLog(log: ArrivedLog): void; onDoubt(): void },
  ) {
    this.#clock = clock;
    this.#onPoint = hooks.onPoint;
    this.#onLog = hooks.onLog;
    this.#onDoubt = hooks.onDoubt;
  }

  /**
   * A request in flight has a few seconds for its answer once the sender is asked to end.
   *
   * @param isAlive whether the sender is alive: what a dead process hadn't sent yet doesn't arrive
   */
  async post(body: Body, isAlive: () => boolean, signal?: AbortSignal): Promise<Outcome> {
    const exchange = this.#exchange(body, isAlive);
    if (signal === undefined) return exchange;
    const ended = new AbortController();
    const givenUp = aborted(signal, ended.signal).then(async (): Promise<Outcome> => {
      await this.#clock.sleep(FAREWELL, ended.signal);
      if (!ended.signal.aborted) this.#onDoubt();
      return {
        kind: "unavailable",
        reason: "the agent is stopping",
        answered: false,
        bytes: body.text.length,
      };
    });
    const outcome = await Promise.race([exchange, givenUp]);
    ended.abort();
    return outcome;
  }

  async #exchange(body: Body, isAlive: () => boolean): Promise<Outcome> {
    const bytes = body.text.length;
    const failed = (reason: string): Outcome => ({ kind: "unavailable", reason, answered: false, bytes });
    await this.#pass();
    if (this.answer === "down") return { ...failed("connect ENETUNREACH"), bytes: 0 };
    if (this.answer === "none") return failed("no answer");
    if (this.answer !== "up") return this.#answerOf(this.answer, bytes);
    if (!isAlive()) return failed("dead");
    this.#take(body);
    const isLost = this.losesNextAnswer;
    this.losesNextAnswer = false;
    if (isLost) this.#onDoubt();
    await this.#pass();
    if (isLost) return failed("the answer was lost");
    return outcomeOf(
      { status: 202, headers: {}, text: body.kind === "logs" ? "{}" : '{"errors":[]}' },
      bytes,
    );
  }

  check(): Outcome {
    if (this.answer === "up") return { kind: "delivered", bytes: 0 };
    if (this.answer === "down" || this.answer === "none")
      return { kind: "unavailable", reason: "no answer", answered: false, bytes: 0 };
    return this.#answerOf(this.answer, 0);
  }

  /** Stores the values of a ready metric. */
  put(
    metric: string,
    type: number,
    tags: readonly string[],
    interval: number | undefined,
    points: readonly (readonly [number, number])[],
  ): void {
    const { key, group } = seriesKey(metric, tags);
    const seconds = this.#points.get(key) ?? new Map<number, ArrivedPoint>();
    this.#points.set(key, seconds);
    for (const [at, value] of points) {
      const amount = type === RATE ? value * (interval ?? 1) : value;
      seconds.set(at, { group, metric, at, amount, value, type });
    }
  }

  points(): readonly ArrivedPoint[] {
    return [...this.#points.values()].flatMap((seconds) => [...seconds.values()]);
  }

  /** The dates with which a log arrived, one for each time. */
  logs(): ReadonlyMap<string, readonly string[]> {
    return this.#logs;
  }

  async #pass(): Promise<void> {
    if (this.latency > 0) await this.#clock.sleep(milliseconds(this.latency / 2));
  }

  #answerOf(answer: Exclude<Answer, "none">, bytes: number): Outcome {
    const { status, text } = ANSWERS[answer];
    return outcomeOf({ status, headers: {}, text }, bytes);
  }

  #take(body: Body): void {
    if (body.kind === "logs") {
      for (const { id, date } of JSON.parse(body.text) as readonly ArrivedLog[]) {
        this.#logs.set(id, [...(this.#logs.get(id) ?? []), date]);
        this.#onLog({ id, date });
      }
      return;
    }
    const { series } = JSON.parse(body.text) as { readonly series: readonly SentSeries[] };
    for (const { metric, type, tags = [], interval, points } of series) {
      this.put(
        metric,
        type,
        tags,
        interval,
        points.map(({ timestamp, value }) => [timestamp, value] as const),
      );
      const { group } = seriesKey(metric, tags);
      for (const { timestamp: at, value } of points)
        this.#onPoint({ group, metric, at, amount: value, value, type });
    }
  }
}

/** Resolves when the first signal is aborted: never, if the second one was before. */
function aborted(signal: AbortSignal, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { signal: ended });
  });
}
