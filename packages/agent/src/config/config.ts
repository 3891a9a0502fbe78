/**
 * The configuration: every setting read and checked once, at start, and what follows from them.
 *
 * Promises: all that is wrong is named at once, with what was expected. A secret is in no message.
 */
import { type Milliseconds, milliseconds, type Seconds, seconds } from "@chouette-iot/record";
import { SETTINGS, type Setting, type SettingName, type Settings } from "./settings.js";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Config {
  readonly settings: Settings;
  /** The name that a setting was read under; none where it is the default. */
  readonly sources: ReadonlyMap<SettingName, string>;
  readonly storage: "redis" | "embedded";
  readonly output: "datadog" | "stdout";
  /** The base of Datadog's API, without a slash at its end. */
  readonly datadogUrl: string;
  readonly interval: Seconds;
  readonly grace: Seconds;
  readonly releaseInterval: Milliseconds;
  readonly metricTtl: Seconds;
}

export type Loaded =
  | { readonly ok: true; readonly config: Config }
  /** A line for each wrong setting. */
  | { readonly ok: false; readonly problems: readonly string[] };

export function loadConfig(env: Environment): Loaded {
  const values: Partial<Record<SettingName, unknown>> = {};
  const sources = new Map<SettingName, string>();
  const problems: string[] = [];
  for (const key of settingNames()) {
    const setting: Setting<unknown, unknown> = SETTINGS[key];
    // Set to nothing is not set, as in shells and compose files.
    const name = setting.names.find((candidate) => env[candidate]?.trim());
    if (name === undefined) {
      values[key] = setting.fallback;
      continue;
    }
    const parsed = setting.schema.safeParse(env[name]);
    if (parsed.success) {
      values[key] = parsed.data;
      sources.set(key, name);
    } else {
      problems.push(`${name}: expected ${setting.expected}, but got ${shown(setting, env[name])}`);
    }
  }
  if (problems.length > 0) return { ok: false, problems };
  // Every name of the table has been given the value that its own schema answered, or its fallback.
  return derive(values as Settings, sources);
}

export function settingNames(): readonly SettingName[] {
  return Object.keys(SETTINGS) as SettingName[];
}

function derive(settings: Settings, sources: Config["sources"]): Loaded {
  const output = settings.output ?? (settings.apiKey === undefined ? "stdout" : "datadog");
  if (output === "datadog" && settings.apiKey === undefined) {
    return { ok: false, problems: ["API_KEY: expected Datadog's API key, since CHOUETTE_OUTPUT is datadog"] };
  }
  const namesRedis = settings.redisHost !== undefined || settings.redisUrl !== undefined;
  const config: Config = {
    settings,
    sources,
    storage: settings.storageType ?? (namesRedis ? "redis" : "embedded"),
    output,
    datadogUrl: (settings.datadogUrl ?? `https://api.${settings.site}/api`).replace(/\/+$/, ""),
    interval: seconds(settings.aggregateInterval),
    grace: seconds(settings.aggregateGrace),
    releaseInterval: milliseconds(settings.releaseInterval * 1000),
    metricTtl: seconds(settings.metricTtl),
  };
  return { ok: true, config };
}

function shown({ secret }: Setting<unknown, unknown>, value: string | undefined): string {
  return secret ? "something else, which is not shown since it may be a secret" : JSON.stringify(value);
}
