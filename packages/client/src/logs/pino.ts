/**
 * A transport for pino, which runs it in a worker thread:
 *
 * ```ts
 * pino({ transport: { target: "chouette-iot-client/pino", options: { service: "shop" } } });
 * ```
 *
 * Promises: a line that isn't JSON is stored as a log's message. When pino ends, buffered logs are sent within the exit
 * timeout.
 */
import { Writable } from "node:stream";
import { ChouetteClient } from "../client.js";
import { type ChouetteClientOptions, EXIT_TIMEOUT_MS } from "../options.js";
import type { LogSink, LogSinkOptions } from "./log-sink.js";

export type PinoTransportOptions = ChouetteClientOptions & LogSinkOptions;

export default function pinoTransport(options: PinoTransportOptions = {}): Writable {
  // pino filters by the transport's level: by default, everything that it passes on is stored.
  const { CHOUETTE_LOG_LEVEL = "DEBUG" } = process.env;
  const { service, source, level = CHOUETTE_LOG_LEVEL, tags, limit, ...rest } = options;
  const client = new ChouetteClient(rest);
  const sink = client.logSink({ service, source, level, tags, limit });
  let half = "";
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      const lines = (half + chunk.toString()).split("\n");
      half = lines.pop() ?? "";
      for (const line of lines) if (line !== "") logLine(sink, line);
      done();
    },
    final(done) {
      if (half !== "") logLine(sink, half);
      client.close({ timeoutMs: options.exitTimeoutMs ?? EXIT_TIMEOUT_MS }).then(() => done(), done);
    },
  });
}

function logLine(sink: LogSink, line: string): void {
  const parsed = parse(line);
  if (parsed === undefined) {
    void sink.info(line);
    return;
  }
  const { level, time, msg = "", ...extras } = parsed;
  const at = typeof time === "number" || typeof time === "string" ? new Date(time).getTime() : Number.NaN;
  const named = typeof level === "number" || typeof level === "string" ? level : "INFO";
  void sink.log(named, msg, extras, Number.isNaN(at) ? Date.now() : at);
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? { ...parsed }
      : undefined;
  } catch {
    return undefined;
  }
}
