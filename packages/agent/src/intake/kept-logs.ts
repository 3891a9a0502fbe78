/**
 * The accepted logs, in the order in which they arrived.
 *
 * Beyond the limit, the oldest one is forgotten and counted.
 */
import type { Milliseconds } from "@chouette-iot/record";
import { MAX_LOG_AGE, MAX_LOG_BYTES, type SubmittedLog, timeOf } from "./logs.js";

export interface LogCounts {
  /** All accepted logs. */
  readonly received: number;
  /** Logs over 1 MB, which Datadog cuts. */
  readonly tooLong: number;
  /** Logs over 18 hours old, which Datadog drops. */
  readonly old: number;
  /** Forgotten because of the limit. */
  readonly forgotten: number;
}

export class KeptLogs {
  #logs: SubmittedLog[] = [];
  readonly #limit: number;
  readonly #counts = { received: 0, tooLong: 0, old: 0, forgotten: 0 };

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(logs: readonly SubmittedLog[], now: Milliseconds): void {
    for (const log of logs) {
      this.#counts.received++;
      if (log.bytes > MAX_LOG_BYTES) this.#counts.tooLong++;
      if (now - (timeOf(log) ?? now) > MAX_LOG_AGE) this.#counts.old++;
      this.#logs.push(log);
    }
    const excess = this.#logs.length - this.#limit;
    if (excess <= 0) return;
    this.#logs = this.#logs.slice(excess);
    this.#counts.forgotten += excess;
  }

  list(): readonly SubmittedLog[] {
    return [...this.#logs];
  }

  counts(): LogCounts {
    return { ...this.#counts };
  }
}
