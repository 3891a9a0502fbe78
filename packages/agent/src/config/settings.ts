/**
 * Every setting of the agent: where it is read from, what it may be, and what it is when nobody says.
 *
 * The first of a setting's names that is set wins. Names are the original's where it has them, then Datadog's.
 */
import { DEFAULT_MASTER } from "@chouette-iot/queue/resp/sentinel-address";
import { z } from "zod";
import { COLLECTOR_SETTINGS } from "./collector-settings.js";
import { defaultDataDirectory } from "./data-directory.js";
import {
  domain,
  fsync,
  hostAndPort,
  list,
  oneOf,
  orOff,
  text,
  token,
  url,
  wholeNumber,
  yesOrNo,
} from "./kinds.js";
import { OUTPUT_NAMES } from "./outputs.js";
import { RECORDS } from "./record-settings.js";
import { redisServers, redisUrl } from "./redis-kinds.js";
import { type Setting, setting } from "./setting.js";
import { statsdAddresses } from "./statsd-addresses.js";

/** A tag as Datadog takes it, or a word alone. */
const tag = z.string().trim().min(1).max(200);
const proxy = url(["http:", "https:"], "the URL of a proxy, such as http://proxy:3128");

/** Settings of former versions, which are ignored with a warning, and those that took their place. */
export const REPLACED: ReadonlyMap<string, string> = new Map([
  ["CHOUETTE_COMMIT_INTERVAL", "CHOUETTE_FSYNC"],
]);

const DATADOG = {
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
    "Version of Datadog's series endpoint; auto is v3 for Datadog's own domains and v2 for others. With v3, small requests that take fewer bytes by v2 go by v2",
  ),
  historical: setting(
    ["DATADOG_HISTORICAL"],
    oneOf(["on", "off", "unknown"]),
    "unknown",
    "Whether Datadog ingests points older than an hour (Historical Metrics): off drops them, and logs older than 18 h, instead of sending them for nothing; unknown sends and counts them",
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

const BROKER = {
  storageType: setting(
    ["CHOUETTE_STORAGE_TYPE"],
    oneOf(["redis", "embedded"]),
    undefined,
    "The broker; redis if REDIS_HOST, REDIS_URL or REDIS_SENTINELS is set, else embedded",
    { requiresRestart: true },
  ),
  redisUrl: setting(
    ["REDIS_URL"],
    redisUrl(),
    undefined,
    "The Redis server; takes precedence over the other REDIS_ settings",
    { secret: true, requiresRestart: true },
  ),
  redisSentinels: setting(
    ["REDIS_SENTINELS"],
    redisServers("10.0.0.1:26379,10.0.0.2:26379"),
    undefined,
    "Redis Sentinels to ask for the Redis server; takes precedence over REDIS_HOST and REDIS_PORT. For passwords, TLS or a database, use REDIS_URL",
    { requiresRestart: true },
  ),
  redisSentinelMaster: setting(
    ["REDIS_SENTINEL_MASTER"],
    text("a name"),
    DEFAULT_MASTER,
    "The name by which the Sentinels know the Redis server",
    { requiresRestart: true },
  ),
  redisHost: setting(["REDIS_HOST"], text("a host name"), undefined, "The Redis server's host", {
    requiresRestart: true,
  }),
  redisPort: setting(["REDIS_PORT"], wholeNumber(1, 65_535, "a port"), 6379, "The Redis server's port", {
    requiresRestart: true,
  }),
  listen: setting(
    ["CHOUETTE_LISTEN"],
    hostAndPort("127.0.0.1:6379"),
    { host: "127.0.0.1", port: 6379 },
    "Address on which the embedded broker listens for Redis clients",
    { requiresRestart: true },
  ),
  password: setting(
    ["CHOUETTE_PASSWORD"],
    text("a password"),
    undefined,
    "The password for clients of the embedded broker",
    { secret: true, requiresRestart: true },
  ),
  tlsCert: setting(
    ["CHOUETTE_TLS_CERT"],
    text("a file"),
    undefined,
    "The agent's certificate (PEM): clients on other machines must then use TLS (rediss://) with the embedded broker. Also shown to a gateway that asks for one",
    { requiresRestart: true },
  ),
  tlsKey: setting(["CHOUETTE_TLS_KEY"], text("a file"), undefined, "The certificate's private key (PEM)", {
    requiresRestart: true,
  }),
  tlsClientCa: setting(
    ["CHOUETTE_TLS_CLIENT_CA"],
    text("a file"),
    undefined,
    "A certificate authority (PEM): clients of the embedded broker on other machines must have a certificate of it",
    { requiresRestart: true },
  ),
  protectedMode: setting(
    ["CHOUETTE_PROTECTED_MODE"],
    yesOrNo(),
    true,
    "Without a password, the embedded broker refuses clients on other machines, like Redis' protected mode",
    { requiresRestart: true },
  ),
  maxConnections: setting(
    ["CHOUETTE_MAX_CONNECTIONS"],
    wholeNumber(1, 100_000, "connections"),
    1_000,
    "Limit of the embedded broker's connections; when it is reached, idle ones are closed in favour of new ones",
    { requiresRestart: true },
  ),
  dataDirectory: setting(
    ["CHOUETTE_DATA_DIR"],
    text("a folder"),
    defaultDataDirectory(),
    "Folder of the embedded broker's files",
    {
      requiresRestart: true,
      defaultText: "$STATE_DIRECTORY, $XDG_STATE_HOME/chouette or ~/.local/state/chouette",
    },
  ),
  fsync: setting(
    ["CHOUETTE_FSYNC"],
    fsync(),
    "everysec",
    "When the embedded broker flushes writes to the disk: everysec (a power cut loses at most the last second), always (before it replies) or a number of milliseconds. The end of the process loses nothing in any case",
    { requiresRestart: true },
  ),
  storeMaxBytes: setting(
    ["STORE_MAX_BYTES"],
    wholeNumber(1_000_000, Number.MAX_SAFE_INTEGER, "bytes"),
    undefined,
    "Disk limit of the embedded broker; unset, a tenth of its file system, at most 4 GiB. When it is reached, the oldest dead letters are deleted first, then logs, then metrics",
  ),
} as const;

const STATSD = {
  statsd: setting(
    ["CHOUETTE_STATSD"],
    statsdAddresses(),
    [{ kind: "udp", host: "127.0.0.1", port: 8125 }] as const,
    "Where statsd and DogStatsD clients may send: host:port for UDP, tcp://host:port, unixstream:///path, unixgram:///path, several with commas between them, or off. If the default is taken by another program, it is left to that",
    { requiresRestart: true, defaultText: "127.0.0.1:8125" },
  ),
  statsdOriginTags: setting(
    ["CHOUETTE_STATSD_ORIGIN_TAGS"],
    yesOrNo(),
    false,
    "Whether the container that a DogStatsD client names becomes tags: container_id, pod_uid, kube_container_name",
    { requiresRestart: true },
  ),
  statsdSignedGauges: setting(
    ["CHOUETTE_STATSD_SIGNED_GAUGES"],
    oneOf(["datadog", "statsd"]),
    "datadog",
    "What a gauge's minus sign means: a negative value (datadog), or a step down (statsd). A plus sign is a step up with either, after which a minus sign is a step down",
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
    "Token for CHOUETTE_HTTP, sent as a bearer token or entered in the login page. Without it, the dashboard is answered to this device only; with it, every request needs it except /healthz and /readyz",
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

/** The table in the order in which people read it. A room with settings of its own adds its part here and below. */
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
