/** The Datadog output for logs. */
import type { ReceivedLog } from "@chouette-iot/record";
import { checkKey, type DatadogAccess, postToDatadog } from "./datadog-post.js";
import { encodeLogs } from "./log-body.js";
import type { Output } from "./output.js";
import type { Endpoint } from "./smallest-body.js";

export interface DatadogLogsOptions extends DatadogAccess {
  /** The present host name: a device may get its name late at boot. */
  hostName(): string;
  /** The endpoint, as in `https://http-intake.logs.datadoghq.com/api/v2/logs`. */
  readonly logsUrl: string;
}

/** Limits and encodings: Datadog's API reference, "Send logs". */
const LIMITS = {
  encodings: ["deflate"],
  maxSentBytes: 5_000_000,
  maxInflatedBytes: 5_000_000,
} as const;

export function datadogLogs(options: DatadogLogsOptions): Output<ReceivedLog> {
  const endpoint: Endpoint = { ...LIMITS, url: options.logsUrl };
  return {
    send(batch, signal) {
      const body = () => ({
        endpoint,
        contentType: "application/json",
        bytes: Buffer.from(encodeLogs(batch, options.hostName())),
      });
      return postToDatadog(() => [body()], options, signal);
    },
    check: (signal) => checkKey(options, signal),
    close: () => options.sender.close(),
  };
}
