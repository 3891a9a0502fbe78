/** The Datadog output for logs. */
import type { ReceivedLog } from "@chouette-iot/record";
import { type DatadogAccess, datadogOutput } from "./datadog-post.js";
import { encodeLogs } from "./log-body.js";
import type { Output } from "./output.js";

/** Limits and encodings: Datadog's API reference, "Send logs". */
const LIMITS = {
  encodings: ["deflate"],
  maxSentBytes: 5_000_000,
  maxInflatedBytes: 5_000_000,
} as const;

export interface DatadogLogsOptions extends DatadogAccess {
  /** The endpoint, such as `https://http-intake.logs.datadoghq.com/api/v2/logs`. */
  readonly logsUrl: string;
}

export function datadogLogs(options: DatadogLogsOptions): Output<ReceivedLog> {
  return datadogOutput({ ...LIMITS, url: options.logsUrl }, "application/json", options, encodeLogs);
}
