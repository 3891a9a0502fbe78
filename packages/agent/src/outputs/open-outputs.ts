/** The outputs of an agent, one for each kind of records, to one and the same place. */
import type { EventRecord, ReadyMetric, ReadySketch, ReceivedLog, ServiceCheck } from "@chouette-iot/record";
import { fixedKey, keyFromFile } from "./api-key.js";
import { connectionOptions } from "./connections.js";
import { datadogChecks, datadogEvents } from "./datadog-events.js";
import { datadogLogs } from "./datadog-logs.js";
import { type DatadogMetricsOptions, datadogMetrics } from "./datadog-metrics.js";
import { datadogSketches } from "./datadog-sketches.js";
import { HttpSender } from "./http.js";
import type { Output } from "./output.js";
import type { Proxies } from "./proxies.js";
import {
  type StdoutOptions,
  stdoutChecks,
  stdoutEvents,
  stdoutLogs,
  stdoutMetrics,
  stdoutSketches,
} from "./stdout.js";

export interface Outputs {
  readonly metrics: Output<ReadyMetric>;
  readonly logs: Output<ReceivedLog>;
  readonly events: Output<EventRecord>;
  readonly checks: Output<ServiceCheck>;
  readonly sketches: Output<ReadySketch>;
}

export interface DatadogOutputsOptions
  extends Pick<DatadogMetricsOptions, "apiUrl" | "hostName" | "seriesVersion" | "precision"> {
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
  // Each has its own connections to renew; without anything to send it opens none.
  const access = () => ({ ...options, key, sender: new HttpSender(connection) });
  return {
    metrics: datadogMetrics(access()),
    logs: datadogLogs(access()),
    events: datadogEvents(access()),
    checks: datadogChecks(access()),
    sketches: datadogSketches(access()),
  };
}

export function openStdout(options: StdoutOptions): Outputs {
  return {
    metrics: stdoutMetrics(options),
    logs: stdoutLogs(options),
    events: stdoutEvents(options),
    checks: stdoutChecks(options),
    sketches: stdoutSketches(options),
  };
}
