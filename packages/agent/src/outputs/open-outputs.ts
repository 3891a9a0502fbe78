/** The outputs of an agent, one for metrics and one for logs, to one and the same place. */
import type { ReadyMetric, ReceivedLog } from "@chouette-iot/record";
import { fixedKey, keyFromFile } from "./api-key.js";
import { connectionOptions } from "./connections.js";
import { datadogLogs } from "./datadog-logs.js";
import { type DatadogMetricsOptions, datadogMetrics } from "./datadog-metrics.js";
import { HttpSender } from "./http.js";
import type { Output } from "./output.js";
import type { Proxies } from "./proxies.js";
import { type StdoutOptions, stdoutLogs, stdoutMetrics } from "./stdout.js";

export interface Outputs {
  readonly metrics: Output<ReadyMetric>;
  readonly logs: Output<ReceivedLog>;
}

export interface DatadogOutputsOptions
  extends Pick<DatadogMetricsOptions, "apiUrl" | "hostName" | "seriesVersion" | "precision"> {
  /** `["key:value", …]`, of every log: metrics have them already. */
  readonly globalTags: readonly string[];
  readonly logsUrl: string;
  readonly apiKey: string | undefined;
  /** Goes before `apiKey`. */
  readonly apiKeyFile: string | undefined;
  readonly proxies: Proxies;
  readonly caFile: string | undefined;
}

/** Rejects where the key's or the certificate authority's file can't be read. */
export async function openDatadog(options: DatadogOutputsOptions): Promise<Outputs> {
  const { apiKey = "", apiKeyFile } = options;
  const key = apiKeyFile === undefined ? fixedKey(apiKey) : await keyFromFile(apiKeyFile);
  const connection = await connectionOptions(options);
  // Two hosts at Datadog, each with its own connections to renew.
  return {
    metrics: datadogMetrics({ ...options, key, sender: new HttpSender(connection) }),
    logs: datadogLogs({ ...options, key, sender: new HttpSender(connection) }),
  };
}

export function openStdout(options: StdoutOptions): Outputs {
  return { metrics: stdoutMetrics(options), logs: stdoutLogs(options) };
}
