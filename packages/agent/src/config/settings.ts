/**
 * Every setting of the agent: its names, its kind and its default. The larger sections are in separate files.
 *
 * The first of a setting's names that is set wins. The names are those of the Python agent, then those of Datadog.
 */
import { BROKER } from "./broker-settings.js";
import { COLLECTOR_SETTINGS } from "./collector-settings.js";
import { DATADOG } from "./datadog-settings.js";
import { hostAndPort, oneOf, orOff, token, yesOrNo } from "./kinds.js";
import { RECORDS } from "./record-settings.js";
import { type Setting, setting } from "./setting.js";
import { statsdAddresses } from "./statsd-addresses.js";

/** Settings of earlier versions, which are ignored with a warning, and their successors. */
export const REPLACED: ReadonlyMap<string, string> = new Map([
  ["CHOUETTE_COMMIT_INTERVAL", "CHOUETTE_FSYNC"],
]);

const STATSD = {
  statsd: setting(
    ["CHOUETTE_STATSD"],
    statsdAddresses(),
    [{ kind: "udp", host: "127.0.0.1", port: 8125 }] as const,
    "Addresses on which the agent listens for statsd and DogStatsD clients, separated by commas: host:port for UDP, tcp://host:port, unixstream:///path, unixgram:///path; or off. If another program uses the default address, the agent doesn't listen",
    { requiresRestart: true, defaultText: "127.0.0.1:8125" },
  ),
  statsdOriginTags: setting(
    ["CHOUETTE_STATSD_ORIGIN_TAGS"],
    yesOrNo(),
    false,
    "Adds the container that a DogStatsD client reports as tags: container_id, pod_uid, kube_container_name",
    { requiresRestart: true },
  ),
  statsdSignedGauges: setting(
    ["CHOUETTE_STATSD_SIGNED_GAUGES"],
    oneOf(["datadog", "statsd"]),
    "datadog",
    "Meaning of a gauge's minus sign: a negative value (datadog) or a decrease (statsd). A plus sign is always an increase; after one, a minus sign is a decrease",
    { requiresRestart: true },
  ),
} as const;

const OPERATION = {
  logLevel: setting(
    ["LOG_LEVEL"],
    oneOf(["notset", "trace", "debug", "info", "warning", "warn", "error", "critical", "fatal", "silent"]),
    "info",
    "Minimum level of the agent's own log",
  ),
  http: setting(
    ["CHOUETTE_HTTP"],
    orOff(hostAndPort("127.0.0.1:8127")),
    { host: "127.0.0.1", port: 8127 },
    "Address of the dashboard, /healthz, /readyz, /status and /metrics; off disables them",
    { requiresRestart: true },
  ),
  httpToken: setting(
    ["CHOUETTE_HTTP_TOKEN"],
    token(16),
    undefined,
    "Token for CHOUETTE_HTTP, sent as a bearer token or entered in the login page. Without it, the dashboard is available on this device only; with it, every request needs it except /healthz and /readyz",
    { secret: true, requiresRestart: true },
  ),
  selfMetrics: setting(
    ["SEND_SELF_METRICS"],
    yesOrNo(),
    true,
    "Send metrics about the agent itself, once per RELEASE_INTERVAL",
  ),
} as const;

export interface Section {
  readonly title: string;
  readonly settings: Readonly<Record<string, Setting<unknown, unknown>>>;
}

/** The sections in the order of docs/CONFIGURATION.md. A new section is added here and to {@link SETTINGS}. */
export const SECTIONS: readonly Section[] = [
  { title: "Datadog", settings: DATADOG },
  { title: "The broker", settings: BROKER },
  { title: "DogStatsD", settings: STATSD },
  { title: "From records to metrics", settings: RECORDS },
  { title: "Collectors", settings: COLLECTOR_SETTINGS },
  { title: "Operation", settings: OPERATION },
];

export const SETTINGS = {
  ...DATADOG,
  ...BROKER,
  ...STATSD,
  ...RECORDS,
  ...COLLECTOR_SETTINGS,
  ...OPERATION,
} as const;

export type SettingName = keyof typeof SETTINGS;

export type Settings = {
  readonly [Name in SettingName]: (typeof SETTINGS)[Name] extends Setting<infer T, infer D> ? T | D : never;
};
