/**
 * The log sink: what an application says, on its way to the log queue, as the original's `ChouetteLogHandler` does it.
 *
 * Promises: as a client's. A log call never blocks, throws or rejects; it answers true when the log is stored, or
 * false; whatever is said becomes JSON, and a log of any size is cut to a limit and marked `truncated`.
 */
import type { LogLevel } from "@chouette-iot/record";
import type { Recorder } from "../recorder.js";
import type { TagInput } from "../tag-input.js";
import { isAtLeast, readLevel } from "./log-level.js";
import { type LogOrigin, logTags, logText } from "./log-text.js";

export interface LogSinkOptions {
  /** Datadog's `service`. Else DD_SERVICE, else the name of the npm package that was run, else `node`. */
  readonly service?: string | undefined;
  /** Datadog's `source`; the service without it. */
  readonly source?: string | undefined;
  /** The least level that is stored, by its name in Python, pino or winston. Else CHOUETTE_LOG_LEVEL, else INFO. */
  readonly level?: string | undefined;
  /** Tags of every log. */
  readonly tags?: TagInput | undefined;
  /** The most characters of a log; 262,144. */
  readonly limit?: number | undefined;
}

const SKIPPED = Promise.resolve(true);
const LIMIT = 256 * 1024;

export class LogSink {
  readonly #recorder: Recorder;
  readonly #origin: LogOrigin;
  readonly #least: LogLevel;

  /** For `ChouetteClient.logSink`. */
  constructor(recorder: Recorder, options: LogSinkOptions) {
    const { DD_SERVICE, npm_package_name: packageName, CHOUETTE_LOG_LEVEL } = process.env;
    const service = options.service ?? (DD_SERVICE || packageName || "node");
    this.#recorder = recorder;
    this.#least = readLevel(options.level ?? CHOUETTE_LOG_LEVEL) ?? "INFO";
    this.#origin = {
      service,
      source: options.source ?? service,
      tags: logTags(options.tags),
      limit: options.limit ?? LIMIT,
    };
  }

  /**
   * Stores a log, if its level is high enough.
   *
   * @param level by its name in Python, pino or winston, or pino's number; INFO where it is none of them
   * @param message a text, an error, or anything else
   * @param extras fields of the log; `tags` are its tags, an error under `err` or `error` gives it its stack
   * @param at its time: now, without it
   */
  log(
    level: string | number,
    message: unknown,
    extras: Readonly<Record<string, unknown>> = {},
    at: Date | number = Date.now(),
  ): Promise<boolean> {
    const known = readLevel(level) ?? "INFO";
    if (!isAtLeast(known, this.#least)) return SKIPPED;
    try {
      const milliseconds = Number(at);
      const text = logText({ level: known, message, at: milliseconds, extras }, this.#origin);
      return this.#recorder.log(text, milliseconds);
    } catch {
      // Only what the caller gave can throw here: a proxy, an invalid time.
      return this.#recorder.refuse("invalid_log");
    }
  }

  debug(message: unknown, extras?: Readonly<Record<string, unknown>>): Promise<boolean> {
    return this.log("DEBUG", message, extras);
  }

  info(message: unknown, extras?: Readonly<Record<string, unknown>>): Promise<boolean> {
    return this.log("INFO", message, extras);
  }

  warning(message: unknown, extras?: Readonly<Record<string, unknown>>): Promise<boolean> {
    return this.log("WARNING", message, extras);
  }

  error(message: unknown, extras?: Readonly<Record<string, unknown>>): Promise<boolean> {
    return this.log("ERROR", message, extras);
  }

  critical(message: unknown, extras?: Readonly<Record<string, unknown>>): Promise<boolean> {
    return this.log("CRITICAL", message, extras);
  }

  /** Sends what is buffered now. True when all of it is stored or dropped, false where `timeoutMs` passed first. */
  flush({ timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}): Promise<boolean> {
    return this.#recorder.flush(timeoutMs);
  }

  /** Ends the sink and the client that it is of. */
  close({ timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    return this.#recorder.close(timeoutMs);
  }
}
