/**
 * A log record, as it is in the log queue: the shape that the original client stores and Datadog takes.
 */

/** The levels of the original client, in rising order. */
export const LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Log {
  /** ISO 8601, with its offset from UTC. */
  readonly date: string;
  readonly ddsource: string;
  readonly service: string;
  /** `["key:value", …]` */
  readonly ddtags: readonly string[];
  readonly level: LogLevel;
  readonly message: { readonly msg: string };
  /** An error's stack. */
  readonly exc_info?: string;
  /** Whatever else the application said. */
  readonly [extra: string]: unknown;
}

/**
 * A log as it is read: any program may have written it, so that there may be more fields and fewer, and other
 * values in them.
 */
export interface ReceivedLog {
  readonly ddtags: readonly string[];
  /** A text, or an object. */
  readonly message: unknown;
  readonly level?: unknown;
  readonly [field: string]: unknown;
}
