/** Decides which version of the series endpoint is used, from DATADOG_SERIES and the address. */
import type { Settings } from "./settings.js";

/** Other servers with Datadog's API don't support v3. */
const DATADOG_DOMAINS = ["datadoghq.com", "datadoghq.eu", "ddog-gov.com"] as const;

/** @param apiUrl base URL of the API */
export function seriesVersion(
  setting: Settings["seriesVersion"],
  apiUrl: string,
): Exclude<Settings["seriesVersion"], "auto"> {
  if (setting !== "auto") return setting;
  const { hostname } = new URL(apiUrl);
  return DATADOG_DOMAINS.some((domain) => hostname.endsWith(`.${domain}`)) ? "v3" : "v2";
}
