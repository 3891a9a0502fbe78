/**
 * DAILY_BYTE_BUDGET and MONTHLY_BYTE_BUDGET: what is held back as their bytes are used up, the least important first.
 *
 * | used | held back until the next day, or month, of UTC |
 * |---|---|
 * | 70 % | logs below WARNING |
 * | 80 % | all logs |
 * | 90 % | the metrics of collectors, and the agent's own |
 *
 * The metrics of applications are never held back. What is held back stays in its queue, and expires at the age
 * at which it would have anyway.
 */
import type { ReadyMetric, ReceivedLog } from "@chouette-iot/record";
import type { SentBytes } from "./sent-bytes.js";

const SHARES = { lowPriorityLogs: 0.7, logs: 0.8, collected: 0.9 } as const;

/** Below WARNING, in the words of the original's client, pino and winston. */
const LOW_LEVELS: ReadonlySet<unknown> = new Set([
  "TRACE",
  "SILLY",
  "DEBUG",
  "VERBOSE",
  "HTTP",
  "INFO",
  "NOTICE",
]);

/** Numbers of records that wait because of the budget, by the line of the table that holds them. */
export interface DeferredCounts {
  /** Where all logs are held back, they are among `logs`. */
  readonly lowPriorityLogs: number;
  readonly logs: number;
  readonly collected: number;
}

/** What of a queue may be sent now: `true` and `false` for all and nothing of it. The id is that in the queue. */
export type SendPolicy<T> = boolean | ((record: T, id: string) => boolean);

/** In bytes; undefined without a limit. */
export interface ByteLimits {
  readonly perDay: number | undefined;
  readonly perMonth: number | undefined;
}

export class ByteBudget {
  readonly #limits: ByteLimits;
  readonly #sent: SentBytes;

  constructor(limits: ByteLimits, sent: SentBytes) {
    this.#limits = limits;
    this.#sent = sent;
  }

  logs(): SendPolicy<ReceivedLog> {
    if (this.#isUsed(SHARES.logs)) return false;
    return !this.#isUsed(SHARES.lowPriorityLogs) || isWarning;
  }

  metrics(): SendPolicy<ReadyMetric> {
    return !this.#isUsed(SHARES.collected) || isOfApplication;
  }

  /** @param waiting how many records of each queue weren't admitted */
  deferred(waiting: { readonly metrics: number; readonly logs: number }): DeferredCounts {
    const areAllLogs = this.#isUsed(SHARES.logs);
    return {
      lowPriorityLogs: this.#isUsed(SHARES.lowPriorityLogs) && !areAllLogs ? waiting.logs : 0,
      logs: areAllLogs ? waiting.logs : 0,
      collected: this.#isUsed(SHARES.collected) ? waiting.metrics : 0,
    };
  }

  #isUsed(share: number): boolean {
    const { perDay = Number.POSITIVE_INFINITY, perMonth = Number.POSITIVE_INFINITY } = this.#limits;
    return this.#sent.today() >= share * perDay || this.#sent.month() >= share * perMonth;
  }
}

/** A level that isn't known may be an alarm. */
function isWarning({ level }: ReceivedLog): boolean {
  return !LOW_LEVELS.has(typeof level === "string" ? level.toUpperCase() : level);
}

/**
 * The metrics of collectors and the agent's own have ids that say so. The original's collectors give theirs ids
 * like any other, but names that begin with `Chouette.`, as ours do.
 */
function isOfApplication({ metric }: ReadyMetric, id: string): boolean {
  return !/^(collect|self)\./.test(id) && !/^chouette\./i.test(metric);
}
