/**
 * DAILY_BYTE_BUDGET and MONTHLY_BYTE_BUDGET: which records are held back as the budget is used up, the least important first.
 *
 * | used | held back until the next day or month (UTC) |
 * |---|---|
 * | 70 % | logs below WARNING |
 * | 80 % | all logs |
 * | 90 % | the metrics of collectors, and the agent's own |
 *
 * The metrics of applications are never held back. Records that are held back stay in their queue, and expire at the
 * same age as any others.
 */
import type { ReadyMetric, ReceivedLog } from "@chouette-iot/record";
import type { SentBytes } from "./sent-bytes.js";

const SHARES = { lowPriorityLogs: 0.7, logs: 0.8, collected: 0.9 } as const;

/** Below WARNING, as the Python client, pino and winston name levels. */
const LOW_LEVELS: ReadonlySet<unknown> = new Set([
  "TRACE",
  "SILLY",
  "DEBUG",
  "VERBOSE",
  "HTTP",
  "INFO",
  "NOTICE",
]);

/** Numbers of records that are held back, by the row of the table that applies. */
export interface DeferredCounts {
  /** 0 while all logs are held back: then `logs` includes them. */
  readonly lowPriorityLogs: number;
  readonly logs: number;
  readonly collected: number;
}

/** Which records of a queue may be sent now: all (`true`), none (`false`), or those that the function accepts. */
export type SendPolicy<T> = boolean | ((record: T, id: string) => boolean);

/** In bytes; undefined for no limit. */
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

  /** @param waiting how many records of each queue weren't allowed to be sent */
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

/** An unknown level may be an alarm. */
function isWarning({ level }: ReceivedLog): boolean {
  return !LOW_LEVELS.has(typeof level === "string" ? level.toUpperCase() : level);
}

/**
 * Collectors' and the agent's own metrics have a prefix in their ids. Those of the Python agent's collectors don't, but
 * their names begin with `Chouette.`.
 */
function isOfApplication({ metric }: ReadyMetric, id: string): boolean {
  return !/^(collect|self)\./.test(id) && !/^chouette\./i.test(metric);
}
