/**
 * A log record, as it is in the log queue: the shape that the original client stores and Datadog takes.
 */

/** Levels of the original client, in ascending order. */
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
  /** Any other fields of the application. */
  readonly [extra: string]: unknown;
}

/**
 * A log as read from the queue: any program may have written it, so fields may be missing or have other values.
 */
export interface ReceivedLog {
  readonly ddtags: readonly string[];
  /** A string or an object. */
  readonly message: unknown;
  readonly level?: unknown;
  readonly [field: string]: unknown;
}
