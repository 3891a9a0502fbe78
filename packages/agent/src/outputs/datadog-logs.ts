/** The Datadog output for logs. */
import type { ReceivedLog } from "@chouette-iot/record";
import { checkKey, type DatadogAccess, type Endpoint, postToDatadog } from "./datadog.js";
import { encodeLogs, type LogBodyOptions } from "./log-body.js";
import type { Output } from "./output.js";

export interface DatadogLogsOptions extends DatadogAccess, LogBodyOptions {
  /** The endpoint, as in `https://http-intake.logs.datadoghq.com/api/v2/logs`. */
  readonly logsUrl: string;
}

/** Limits and encodings: Datadog's API reference, "Send logs". */
const LIMITS = {
  encodings: ["deflate"],
  mostSent: 5_000_000,
  mostInflated: 5_000_000,
} as const;

export function datadogLogs(options: DatadogLogsOptions): Output<ReceivedLog> {
  const endpoint: Endpoint = { ...LIMITS, url: options.logsUrl };
  return {
    async send(batch, signal) {
      const body = encode(batch, options);
      if (body === undefined) return { kind: "refused", reason: "it is nested too deeply", bytes: 0 };
      return postToDatadog([{ contentType: "application/json", bytes: body }], endpoint, options, signal);
    },
    check: (signal) => checkKey(options, signal),
    close: () => options.sender.close(),
  };
}

/** Undefined where a log is nested deeper than JSON.stringify can go, which JSON.parse doesn't mind. */
function encode(batch: readonly ReceivedLog[], options: LogBodyOptions): Uint8Array | undefined {
  try {
    return Buffer.from(encodeLogs(batch, options));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
