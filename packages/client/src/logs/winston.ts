/**
 * A transport for winston 3:
 *
 * ```ts
 * winston.createLogger({ transports: [new ChouetteTransport({ service: "shop" })] });
 * ```
 *
 * Promises: it never fails into the logger, nor holds it up. When the logger ends, what is buffered is sent.
 */
import { Writable } from "node:stream";
import { ChouetteClient } from "../client.js";
import type { ChouetteClientOptions } from "../options.js";
import type { LogSink, LogSinkOptions } from "./log-sink.js";

export type WinstonTransportOptions = ChouetteClientOptions &
  LogSinkOptions & {
    /** A client to share; without it the transport has one of its own, and ends it. */
    readonly client?: ChouetteClient;
  };

/** What winston hands to a transport. */
export interface WinstonInfo {
  readonly level: string;
  readonly message: unknown;
  readonly [extra: string | symbol]: unknown;
}

/** winston takes any stream of objects that has a `log`; this one needs nothing of winston's. */
export class ChouetteTransport extends Writable {
  /** winston's own level for this transport; the logger's without it. */
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
    // winston colours `level` in place: the plain name is kept beside it.
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
