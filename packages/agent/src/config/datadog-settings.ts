/** Settings of the output: where metrics and logs are sent, with which key, and through which proxy. */
import { z } from "zod";
import { domain, list, oneOf, text, url } from "./kinds.js";
import { OUTPUT_NAMES } from "./outputs.js";
import { setting } from "./setting.js";

const tag = z.string().trim().min(1).max(200);
const proxy = url(["http:", "https:"], "the URL of a proxy, such as http://proxy:3128");

export const DATADOG = {
  apiKey: setting(["API_KEY", "DD_API_KEY"], text("Datadog's API key"), undefined, "Datadog's API key", {
    secret: true,
  }),
  apiKeyFile: setting(
    ["API_KEY_FILE", "DD_API_KEY_FILE"],
    text("a file"),
    undefined,
    "A file with Datadog's API key, read again when the key isn't accepted; takes precedence over API_KEY",
  ),
  output: setting(
    ["CHOUETTE_OUTPUT"],
    oneOf(OUTPUT_NAMES),
    undefined,
    "Where metrics and logs are sent; gateway if GATEWAY_URL is set, else datadog if there is a key, else stdout",
  ),
  gatewayUrl: setting(
    ["GATEWAY_URL"],
    url(["redis:", "rediss:"], "redis://user:password@host:port/database, or rediss:// for TLS"),
    undefined,
    "The broker of another agent, which sends this one's metrics and logs: its CHOUETTE_LISTEN, or its Redis",
    { secret: true },
  ),
  gatewayCaFile: setting(
    ["GATEWAY_CA_FILE"],
    text("a file"),
    undefined,
    "The certificate authority (PEM) of the gateway, trusted instead of the well-known ones",
  ),
  datadogUrl: setting(
    ["DATADOG_URL"],
    url(["http:", "https:"], "the base of Datadog's API, such as https://api.datadoghq.com/api"),
    undefined,
    "The base URL of Datadog's API; takes precedence over DD_SITE",
  ),
  site: setting(
    ["DD_SITE"],
    domain("the domain of Datadog's site, such as datadoghq.eu"),
    "datadoghq.com",
    "Datadog's site, used if DATADOG_URL isn't set",
  ),
  logsUrl: setting(
    ["DATADOG_LOGS_URL"],
    url(["http:", "https:"], "Datadog's log intake, such as https://http-intake.logs.datadoghq.com"),
    undefined,
    "Datadog's log intake, with or without the endpoint's path; takes precedence over DD_SITE",
  ),
  httpsProxy: setting(["HTTPS_PROXY", "https_proxy"], proxy, undefined, "The proxy for https:// addresses", {
    secret: true,
  }),
  httpProxy: setting(["HTTP_PROXY", "http_proxy"], proxy, undefined, "The proxy for http:// addresses", {
    secret: true,
  }),
  noProxy: setting(
    ["NO_PROXY", "no_proxy"],
    text("hosts, separated by commas"),
    undefined,
    "Hosts to connect to without the proxy",
  ),
  caFile: setting(
    ["DATADOG_CA_FILE"],
    text("a file"),
    undefined,
    "A certificate authority (PEM), trusted in addition to the well-known ones",
  ),
  seriesVersion: setting(
    ["DATADOG_SERIES"],
    oneOf(["auto", "v3", "v2", "v1"]),
    "auto",
    "Version of Datadog's series endpoint; auto is v3 for Datadog's own domains and v2 for others. With v3, small requests that are shorter as v2 are sent as v2",
  ),
  historical: setting(
    ["DATADOG_HISTORICAL"],
    oneOf(["on", "off", "unknown"]),
    "unknown",
    "Whether Datadog ingests points older than an hour (Historical Metrics): off drops them, and logs older than 18 h, instead of sending them in vain; unknown sends and counts them",
  ),
  host: setting(
    ["HOST", "DD_HOSTNAME"],
    text("a host name"),
    undefined,
    "The host name of all metrics and logs",
    { defaultText: "the system's host name" },
  ),
  globalTags: setting(
    ["GLOBAL_TAGS", "DD_TAGS"],
    list(tag, 'tags, such as ["zone:a","env:prod"]'),
    [],
    "Tags of all metrics and logs",
  ),
} as const;
