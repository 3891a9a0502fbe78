/**
 * A transport for winston 3:
 *
 * ```ts
 * winston.createLogger({ transports: [new ChouetteTransport({ service: "shop" })] });
 * ```
 *
 * Promises: it never throws into the logger or blocks it. When the logger ends, buffered logs are sent.
 */
import { Writable } from "node:stream";
import { ChouetteClient } from "../client.js";
import type { ChouetteClientOptions } from "../options.js";
import type { LogSink, LogSinkOptions } from "./log-sink.js";

export type WinstonTransportOptions = ChouetteClientOptions &
  LogSinkOptions & {
    /** A client to share. By default the transport creates its own, and closes it at its end. */
    readonly client?: ChouetteClient;
  };

/** A log as winston passes it to a transport. */
export interface WinstonInfo {
  readonly level: string;
  readonly message: unknown;
  readonly [extra: string | symbol]: unknown;
}

/** winston accepts any object stream with a `log` method, so this doesn't import winston. */
export class ChouetteTransport extends Writable {
  /** winston's level for this transport; the logger's by default. */
  readonly level?: string;
  readonly #sink: LogSink;
  readonly #end: () => Promise<unknown>;

  constructor(options: WinstonTransportOptions = {}) {
    super({ objectMode: true });
    const { CHOUETTE_LOG_LEVEL = "DEBUG" } = process.env;
    const { service, source, level = CHOUETTE_LOG_LEVEL, tags, limit, client, ...rest } = options;
    const used = client ?? new ChouetteClient(rest);
    if (options.level !== undefined) this.level = options.level;
    this.#sink = used.logSink({ service, source, level, tags, limit });
    this.#end = () => (client === undefined ? used.close() : used.flush());
  }

  log(info: WinstonInfo, done: () => void): void {
    // winston may colour `level` in place: the plain name is under a symbol.
    const { level, message, timestamp, stack, ...extras } = info;
    const plain = info[Symbol.for("level")];
    const error = typeof stack === "string" ? { exc_info: stack } : {};
    const named = typeof plain === "string" ? plain : level;
    void this.#sink.log(named, message, { ...extras, ...error }, readTime(timestamp));
    done();
  }

  override _write(info: WinstonInfo, _encoding: string, done: () => void): void {
    this.log(info, done);
  }

  override _final(done: () => void): void {
    this.#end().then(done, done);
  }
}

function readTime(timestamp: unknown): number {
  const time = typeof timestamp === "string" ? Date.parse(timestamp) : Number.NaN;
  return Number.isNaN(time) ? Date.now() : time;
}
