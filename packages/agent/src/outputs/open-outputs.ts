/** The outputs of an agent: one for each signal, all to the same destination. */
import type { Signal, SignalRecords } from "@chouette-iot/record";
import { fixedKey, keyFromFile } from "./api-key.js";
import { connectionOptions } from "./connections.js";
import { datadogChecks, datadogEvents } from "./datadog-events.js";
import { datadogLogs } from "./datadog-logs.js";
import { type DatadogMetricsOptions, datadogMetrics } from "./datadog-metrics.js";
import { datadogSketches } from "./datadog-sketches.js";
import { HttpSender } from "./http.js";
import type { Output } from "./output.js";
import type { Proxies } from "./proxies.js";
import type { WireMeter } from "./wire-meter.js";

export type Outputs = { readonly [S in Signal]: Output<SignalRecords[S]> };

export interface DatadogOutputsOptions
  extends Pick<DatadogMetricsOptions, "apiUrl" | "hostName" | "seriesVersion" | "precision"> {
  readonly logsUrl: string;
  readonly apiKey: string | undefined;
  /** Takes precedence over `apiKey`. */
  readonly apiKeyFile: string | undefined;
  readonly proxies: Proxies;
  readonly caFile: string | undefined;
  readonly wireMeter: WireMeter;
}

/** Rejects if the file of the key or of the certificate authority can't be read. */
export async function openDatadog(options: DatadogOutputsOptions): Promise<Outputs> {
  const { apiKey = "", apiKeyFile } = options;
  const key = apiKeyFile === undefined ? fixedKey(apiKey) : await keyFromFile(apiKeyFile);
  const connection = await connectionOptions(options);
  // Shared, so that each host has one connection.
  const access = { ...options, key, sender: new HttpSender(connection, undefined, options.wireMeter) };
  return {
    metrics: datadogMetrics({ ...access, purpose: "metrics" }),
    logs: datadogLogs({ ...access, purpose: "logs" }),
    events: datadogEvents({ ...access, purpose: "events" }),
    checks: datadogChecks({ ...access, purpose: "checks" }),
    sketches: datadogSketches({ ...access, purpose: "sketches" }),
  };
}
