/**
 * The log sink: stores an application's logs in the log queue, like the original's `ChouetteLogHandler`.
 *
 * Promises: those of a client. A log call never blocks, throws or rejects; it returns true once the log is stored, otherwise
 * false. Any value becomes JSON; a log over the limit is truncated and marked `truncated`.
 */
import { type LogLevel, messageOf } from "@chouette-iot/record";
import { isError } from "../any-error.js";
import { type Deadline, timeoutOf } from "../deadline.js";
import type { Recorder } from "../recorder.js";
import type { TagInput } from "../tag-input.js";
import { isAtLeast, readLevel } from "./log-level.js";
import { type LogOrigin, logTags, logText } from "./log-text.js";

export interface LogSinkOptions {
  /** Datadog's `service`; by default DD_SERVICE, the name of the npm package that runs, or `node`. */
  readonly service?: string | undefined;
  /** Datadog's `source`; the service by default. */
  readonly source?: string | undefined;
  /** Minimum level, by its name in Python, pino or winston; by default CHOUETTE_LOG_LEVEL or INFO. */
  readonly level?: string | undefined;
  /** Tags of every log. */
  readonly tags?: TagInput | undefined;
  /** Maximum number of characters in a log; 262,144 by default. */
  readonly limit?: number | undefined;
}

const SKIPPED = Promise.resolve(true);
const LIMIT = 256 * 1024;

export class LogSink {
  readonly #recorder: Recorder;
  readonly #origin: LogOrigin;
  readonly #minLevel: LogLevel;

  /** For `ChouetteClient.logSink`. */
  constructor(recorder: Recorder, options: LogSinkOptions) {
    const { DD_SERVICE, npm_package_name: packageName, CHOUETTE_LOG_LEVEL } = process.env;
    const service = options.service ?? (DD_SERVICE || packageName || "node");
    const warn = (message: string) => recorder.events.onError(new Error(message));
    this.#recorder = recorder;
    this.#minLevel = readMinLevel(options.level ?? CHOUETTE_LOG_LEVEL, warn);
    this.#origin = {
      service,
      source: options.source ?? service,
      tags: readSinkTags(options.tags, warn),
      limit: options.limit ?? LIMIT,
    };
  }

  /**
   * Stores a log, if its level is high enough.
   *
   * @param level its name in Python, pino or winston, or pino's number; INFO if it is unknown
   * @param message a text, an error, or anything else
   * @param extras further fields; `tags` become its tags, and an error under `err` or `error` its stack. An error instead of
   * fields is stored as `err`, anything else as `extra`
   * @param at its time; now by default
   */
  log(level: string | number, message: unknown, extras?: unknown, at?: Date | number): Promise<boolean> {
    const known = readLevel(level) ?? "INFO";
    if (!isAtLeast(known, this.#minLevel)) return SKIPPED;
    try {
      const milliseconds = Number(at ?? Date.now());
      const entry = { level: known, message, at: milliseconds, extras: readExtras(extras) };
      const text = logText(entry, this.#origin);
      return this.#recorder.log(text, milliseconds);
    } catch {
      // Only the caller's arguments can throw here: a proxy, an invalid time.
      return this.#recorder.refuse("invalid_log");
    }
  }

  debug(message: unknown, extras?: unknown): Promise<boolean> {
    return this.log("DEBUG", message, extras);
  }

  info(message: unknown, extras?: unknown): Promise<boolean> {
    return this.log("INFO", message, extras);
  }

  warning(message: unknown, extras?: unknown): Promise<boolean> {
    return this.log("WARNING", message, extras);
  }

  error(message: unknown, extras?: unknown): Promise<boolean> {
    return this.log("ERROR", message, extras);
  }

  critical(message: unknown, extras?: unknown): Promise<boolean> {
    return this.log("CRITICAL", message, extras);
  }

  /** Sends all buffered records now. True once all are stored or dropped, false if `timeoutMs` passes first. */
  flush(deadline?: Deadline): Promise<boolean> {
    return this.#recorder.flush(timeoutOf(deadline));
  }

  /** Closes the sink and its client. */
  close(deadline?: Deadline): Promise<void> {
    return this.#recorder.close(timeoutOf(deadline));
  }
}

type Warn = (message: string) => void;

function readMinLevel(level: unknown, warn: Warn): LogLevel {
  const known = readLevel(level);
  if (known === undefined && level !== undefined)
    warn(`unknown log level ${JSON.stringify(String(level))}: INFO is used`);
  return known ?? "INFO";
}

function readSinkTags(tags: unknown, warn: Warn): readonly string[] {
  try {
    return logTags(tags);
  } catch (error) {
    warn(`the tags of a log sink can't be read, and are not used: ${messageOf(error)}`);
    return [];
  }
}

function readExtras(extras: unknown): Readonly<Record<string, unknown>> {
  if (extras === undefined || extras === null) return {};
  if (isError(extras)) return { err: extras };
  return typeof extras === "object" && !Array.isArray(extras) ? { ...extras } : { extra: extras };
}
