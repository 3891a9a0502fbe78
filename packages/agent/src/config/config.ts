/**
 * The configuration: all settings, read and validated once, and values that derive from them.
 *
 * Promises: all errors are reported together, each with its source and what was expected. No message contains a secret.
 */
import { type Milliseconds, milliseconds, type Seconds, seconds } from "@chouette-iot/record";
import { withoutUserinfo } from "../runtime/redact.js";
import { Windows } from "../runtime/windows.js";
import { formatValue } from "./format-value.js";
import { takesCollection } from "./json-schema.js";
import { OUTPUTS, type OutputName } from "./outputs.js";
import { fileKey, type Setting } from "./setting.js";
import { REPLACED, SETTINGS, type SettingName, type Settings } from "./settings.js";
import { FILE_VARIABLE, findSettingsFile, type SettingsFile, unknownSetting } from "./settings-file.js";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Config {
  readonly settings: Settings;
  /** Source of each setting that is set: its name in the environment, or the file and line. */
  readonly sources: ReadonlyMap<SettingName, string>;
  /** The settings file that was read; undefined if there is none. */
  readonly file: string | undefined;
  /** One line for each setting or value that is ignored, with its source. */
  readonly warnings: readonly string[];
  readonly storage: "redis" | "embedded";
  readonly output: OutputName;
  /** Base URL of Datadog's API, without a trailing slash. */
  readonly datadogUrl: string;
  /** Endpoint for logs. */
  readonly logsUrl: string;
  /** From AGGREGATE_INTERVAL and AGGREGATE_GRACE. */
  readonly windows: Windows;
  readonly releaseInterval: Milliseconds;
  readonly metricTtl: Seconds;
}

/** The replaced settings by their keys in the settings file. */
export const REPLACED_KEYS = new Map(
  [...REPLACED].map(([name, successor]) => [fileKey({ names: [name] }), fileKey({ names: [successor] })]),
);

/** Datadog ingests older points of metrics if the account has that enabled; older points of distributions never. */
export const INGESTED_POINT_AGE = seconds(3_600);

export type Loaded =
  | { readonly ok: true; readonly config: Config }
  /** A line for each wrong setting. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads the environment, and the settings file that CHOUETTE_CONFIG names or that is in a default place. */
export function loadConfig(env: Environment): Loaded {
  return readSettings(env, findSettingsFile(env[FILE_VARIABLE], Object.values(SETTINGS), REPLACED_KEYS));
}

export function readSettings(env: Environment, file?: SettingsFile): Loaded {
  const values: Partial<Record<SettingName, unknown>> = {};
  const sources = new Map<SettingName, string>();
  const problems = [...(file?.problems ?? [])];
  const warnings = [...(file?.warnings ?? [])];
  const variables = upperCased(env);
  for (const [name, successor] of REPLACED) {
    if (variables[name]?.trim()) warnings.push(`${name}: ignored; use ${successor}`);
  }
  warnings.push(...misspelled(env));
  const wrong = new Set<SettingName>();
  for (const name of settingNames()) {
    const setting: Setting<unknown, unknown> = SETTINGS[name];
    const given = readRaw(setting, variables, file);
    values[name] = setting.default;
    if (given === undefined) continue;
    const value = parse(setting, given);
    if (value.ok) values[name] = value.value;
    else wrong.add(name);
    sources.set(name, given.source);
    if (!value.ok) problems.push(`${given.source}: expected ${setting.expected}, but got ${value.shown}`);
    const warning = value.ok ? setting.warning?.(given.text) : undefined;
    if (warning !== undefined) warnings.push(`${given.source}: ${warning}`);
  }
  // Each setting of the table has a value from its own schema, or its default.
  const config = derive(values as Settings, sources, file?.path, warnings);
  warnings.push(...resolutionsWithoutEffect(config));
  problems.push(...contradictions(config, wrong));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, config };
}

const OUR_VARIABLES: ReadonlySet<string> = new Set([
  FILE_VARIABLE,
  ...Object.values(SETTINGS).flatMap(({ names }) => [...names]),
  ...REPLACED.keys(),
]);
/** Variables that Kubernetes and Docker set for a service called chouette. */
const OF_A_SERVICE = /_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?|NAME|ENV_\w+)$/;

/** Warnings about variables that look like settings but are unknown. */
function misspelled(env: Environment): readonly string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith("CHOUETTE_") && !OUR_VARIABLES.has(name) && !OF_A_SERVICE.test(name))
    .map((name) => unknownSetting(name, OUR_VARIABLES));
}

export function settingNames(): readonly SettingName[] {
  return Object.keys(SETTINGS) as SettingName[];
}

/** The same configuration with other settings. */
export function withSettings({ sources, file, warnings }: Config, settings: Settings): Config {
  return derive(settings, sources, file, warnings);
}

/** Variables may be in any case, as with the Python agent; a name in capitals takes precedence. */
function upperCased(env: Environment): Environment {
  const entries = Object.entries(env);
  return Object.fromEntries([
    ...entries.map(([name, value]) => [name.toUpperCase(), value] as const),
    ...entries,
  ]);
}

interface Given {
  readonly text: string;
  readonly source: string;
  readonly isCollection: boolean;
}

function readRaw(
  setting: Setting<unknown, unknown>,
  env: Environment,
  file?: SettingsFile,
): Given | undefined {
  // An empty value counts as unset, as in shells and compose files.
  const name = setting.names.find((candidate) => env[candidate]?.trim());
  if (name !== undefined) return { text: env[name] ?? "", source: name, isCollection: false };
  const key = fileKey(setting);
  const entry = file?.entries.get(key);
  if (entry === undefined) return undefined;
  return { ...entry, source: `${file?.path} line ${entry.line}, ${key}` };
}

type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly shown: string };

function parse(setting: Setting<unknown, unknown>, { text, isCollection }: Given): Parsed {
  if (isCollection && !takesCollection(setting)) return { ok: false, shown: "a list or an object" };
  const parsed = setting.schema.safeParse(text);
  if (parsed.success) return { ok: true, value: parsed.data };
  // Every setting may be given a URL with a password by mistake.
  const hidden = "something else, which is not shown since it may be a secret";
  if (setting.secret) return { ok: false, shown: hidden };
  return { ok: false, shown: JSON.stringify(withoutUserinfo(text)) };
}

/** The settings that a rule depends on, whether they break it, and what is then expected. */
type Rule = readonly [names: readonly SettingName[], isBroken: boolean, expected: string];

/** A line for each setting that others require or rule out. @param wrong settings with an error already */
function contradictions(
  { storage, output, settings }: Config,
  wrong: ReadonlySet<SettingName>,
): readonly string[] {
  const { shards, gatewayUrl, tlsCert, tlsKey, tlsClientCa, dailyByteBudget, monthlyByteBudget } = settings;
  const rules: readonly Rule[] = [
    [
      ["storageType", "redisHost", "redisUrl", "redisSentinels"],
      shards !== undefined && storage !== "redis",
      "CHOUETTE_SHARDS: expected a Redis server (REDIS_HOST, REDIS_URL or REDIS_SENTINELS), since the embedded broker has no shards",
    ],
    [
      [],
      shards !== undefined && (dailyByteBudget !== undefined || monthlyByteBudget !== undefined),
      "CHOUETTE_SHARDS: expected neither DAILY_BYTE_BUDGET nor MONTHLY_BYTE_BUDGET, which are for the link of one device",
    ],
    [
      ["gatewayUrl"],
      output === "gateway" && gatewayUrl === undefined,
      "GATEWAY_URL: expected the address of another agent's broker, since CHOUETTE_OUTPUT is gateway",
    ],
    [
      [],
      (tlsCert === undefined) !== (tlsKey === undefined),
      "CHOUETTE_TLS_CERT and CHOUETTE_TLS_KEY: expected both, the certificate and its key",
    ],
    [
      [],
      tlsClientCa !== undefined && tlsCert === undefined,
      "CHOUETTE_TLS_CERT: expected a certificate, since CHOUETTE_TLS_CLIENT_CA asks for those of clients",
    ],
    [
      ["apiKey", "apiKeyFile"],
      OUTPUTS[output].usesDatadogUrls && !hasKey(settings),
      `API_KEY: expected Datadog's API key, since CHOUETTE_OUTPUT is ${output}`,
    ],
  ];
  return rules
    .filter(([names, isBroken]) => isBroken && !names.some((name) => wrong.has(name)))
    .map(([, , expected]) => expected);
}

function resolutionsWithoutEffect({ settings, sources }: Config): readonly string[] {
  const { backlogResolution = [], metricTtl, historical } = settings;
  const droppedAt = historical === "off" ? Math.min(metricTtl, INGESTED_POINT_AGE) : metricTtl;
  return backlogResolution
    .filter(({ age }) => age >= droppedAt)
    .map((item) => {
      const source = sources.get("backlogResolution");
      return `${source}: ${formatValue(item)} has no effect, since metrics are dropped at an age of ${droppedAt} s`;
    });
}

function derive(
  settings: Settings,
  sources: Config["sources"],
  file: string | undefined,
  warnings: readonly string[],
): Config {
  const { redisHost, redisUrl, redisSentinels } = settings;
  const namesRedis = [redisHost, redisUrl, redisSentinels].some((named) => named !== undefined);
  return {
    settings,
    sources,
    file,
    warnings,
    storage: settings.storageType ?? (namesRedis ? "redis" : "embedded"),
    output: settings.output ?? defaultOutput(settings),
    datadogUrl: (settings.datadogUrl ?? `https://api.${settings.site}/api`).replace(/\/+$/, ""),
    logsUrl: logsEndpoint(settings.logsUrl ?? `https://http-intake.logs.${settings.site}`),
    windows: new Windows(seconds(settings.aggregateInterval), seconds(settings.aggregateGrace)),
    releaseInterval: milliseconds(settings.releaseInterval * 1000),
    metricTtl: seconds(settings.metricTtl),
  };
}

function defaultOutput(settings: Settings): OutputName {
  if (settings.gatewayUrl !== undefined) return "gateway";
  return hasKey(settings) ? "datadog" : "stdout";
}

function hasKey({ apiKey, apiKeyFile }: Settings): boolean {
  return apiKey !== undefined || apiKeyFile !== undefined;
}

/**
 * DATADOG_LOGS_URL may be a base URL without a path, as with the Python agent, the whole URL, as on Datadog's pages, or
 * end in `/api` like DATADOG_URL.
 */
function logsEndpoint(url: string): string {
  const base = url.replace(/\/+$/, "");
  const { pathname } = new URL(base);
  if (pathname === "/") return `${base}/api/v2/logs`;
  return pathname.endsWith("/api") ? `${base}/v2/logs` : base;
}
