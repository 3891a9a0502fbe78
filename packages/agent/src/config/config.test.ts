import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { REPLACED_KEYS, readSettings } from "./config.js";
import { settingsSchema } from "./json-schema.js";
import { shownRedisAddress } from "./redis-address.js";
import { configurationPage } from "./reference.js";
import { reload } from "./reload.js";
import { fileKey } from "./setting.js";
import { SECTIONS, SETTINGS } from "./settings.js";
import { parseSettingsFile } from "./settings-file.js";

const ALL = Object.values(SETTINGS);

function file(text: string) {
  return parseSettingsFile("chouette.yaml", text, ALL);
}

function settingsOf(env: Readonly<Record<string, string>>, text = "") {
  const loaded = readSettings(env, file(text));
  if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
  return loaded.config;
}

function problemsOf(env: Readonly<Record<string, string>>, text = "") {
  const loaded = readSettings(env, file(text));
  return loaded.ok ? [] : loaded.problems;
}

describe("a setting of a former version", () => {
  it("is ignored with a message that names its successor, in the environment and in the file", () => {
    const inEnvironment = settingsOf({ CHOUETTE_COMMIT_INTERVAL: "500" });
    expect(inEnvironment.warnings).toEqual(["CHOUETTE_COMMIT_INTERVAL: ignored; use CHOUETTE_FSYNC"]);
    expect(inEnvironment.settings.fsync).toBe("everysec");
    const loaded = readSettings(
      {},
      parseSettingsFile("chouette.yaml", "commit_interval: 500", ALL, REPLACED_KEYS),
    );
    expect(loaded.ok && loaded.config.warnings).toEqual([
      "chouette.yaml line 1, commit_interval: ignored; use fsync",
    ]);
  });
});

describe("the settings file", () => {
  it("gives what the environment doesn't, and says where each value is from", () => {
    const { settings, sources } = settingsOf(
      { RELEASE_INTERVAL: "5", METRIC_TTL: "" },
      "release_interval: 7\nmetric_ttl: 3600\nglobal_tags: [zone:a, 'b:c,d']\nhistogram_percentiles: [0.5]",
    );
    expect(settings.releaseInterval).toBe(5);
    expect(settings.metricTtl).toBe(3600);
    expect(settings.globalTags).toEqual(["zone:a", "b:c,d"]);
    expect(settings.histogramPercentiles).toEqual([0.5]);
    expect(sources.get("releaseInterval")).toBe("RELEASE_INTERVAL");
    expect(sources.get("metricTtl")).toBe("chouette.yaml line 2, metric_ttl");
    expect(sources.has("bulkSize")).toBe(false);
  });

  it.each([
    ["password: 0123", "0123"],
    ["password: 'a b'", "a b"],
    ["password: 1e3", "1e3"],
    ["password: true", "true"],
    ["password: ~", undefined],
    ["password:", undefined],
  ])("takes text as it is written: %s", (text, password) => {
    expect(settingsOf({}, text).settings.password).toBe(password);
  });

  it.each([
    ["off", "off"],
    ["8127", { host: "127.0.0.1", port: 8127 }],
    ["'[::1]:80'", { host: "::1", port: 80 }],
  ])("takes an address, a port or off: %s", (text, http) => {
    expect(settingsOf({}, `http: ${text}`).settings.http).toEqual(http);
  });

  it("names a key that is no setting, and the one that may have been meant", () => {
    expect(problemsOf({}, "relase_interval: 5\nREDIS_HOST: a\nsomething_else: 1")).toEqual([
      'chouette.yaml line 1: unknown setting "relase_interval": did you mean release_interval?',
      'chouette.yaml line 2: unknown setting "REDIS_HOST": in the file it is called redis_host',
      'chouette.yaml line 3: unknown setting "something_else"',
    ]);
  });

  it.each([
    ["a: [", /^chouette\.yaml line 1: Flow sequence/],
    ["host: a\nhost: b", /^chouette\.yaml line 2: Map keys must be unique$/],
    ["- a", /expected lines of "name: value"/],
    ["host: [a]", /^chouette\.yaml line 1, host: expected a host name, but got a list or an object$/],
    ["password: {a: secret}", /^chouette\.yaml line 1, password: expected a password, but got a list/],
  ])("says what is wrong with %s", (text, problem) => {
    const problems = problemsOf({}, text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
    expect(problems[0]).not.toContain("secret");
  });
});

describe("settings that the original takes", () => {
  it.each([
    ["HISTOGRAM_PERCENTILES", "[0, 0.5, 1]", { histogramPercentiles: [0, 0.5, 1] }],
    ["HISTOGRAM_AGGREGATES", '["max", "mode"]', { histogramAggregates: ["max"] }],
    ["LOG_LEVEL", "NOTSET", { logLevel: "notset" }],
    ["METRIC_TTL", "30", { metricTtl: 30 }],
    ["LOG_TTL", "1", { logTtl: 1 }],
    ["redis_host", "redis", { redisHost: "redis" }],
    ["Release_Interval", "7", { releaseInterval: 7 }],
  ])("are taken: %s=%s", (name, value, expected) => {
    expect(settingsOf({ [name]: value }).settings).toMatchObject(expected);
  });

  it("take a name in capitals over the same in another case", () => {
    expect(settingsOf({ redis_host: "a", REDIS_HOST: "b" }).settings.redisHost).toBe("b");
    expect(settingsOf({ REDIS_HOST: "b", redis_host: "a" }).settings.redisHost).toBe("b");
  });
});

describe("Redis Sentinels", () => {
  it.each([
    [{ REDIS_SENTINELS: "a:1, [::1]:2", REDIS_SENTINEL_MASTER: "m/1" }, "m/1 (Sentinels a:1, [::1]:2)"],
    [{ REDIS_SENTINELS: '["a"]', REDIS_HOST: "b" }, "mymaster (Sentinels a:26379)"],
    [{ REDIS_SENTINELS: "a", REDIS_URL: "redis://:secret@b" }, "b:6379"],
    [{ REDIS_URL: "redis+sentinel://:secret@a:1,b:2/m?sentinel_password=secret" }, "m (Sentinels a:1, b:2)"],
  ])("take the place of a host and port, and a URL theirs: %j", (env, shown) => {
    const { storage, settings } = settingsOf(env);
    expect(storage).toBe("redis");
    expect(shownRedisAddress(settings)).toBe(shown);
  });

  it.each([
    "a:0",
    "a:1;b:2",
    "redis://a:1",
    "a:1,:2",
  ])("that are no hosts and ports are refused: %s", (text) => {
    expect(problemsOf({ REDIS_SENTINELS: text })[0]).toMatch(/^REDIS_SENTINELS: expected host:port/);
  });
});

describe("settings that are wrong", () => {
  it("are all named at once, with where they came from, and without secrets", () => {
    const env = {
      REDIS_URL: "http://:secret@localhost",
      AGGREGATE_INTERVAL: "0",
      SEND_SELF_METRICS: "perhaps",
      CHOUETTE_OUTPUT: "datadog",
    };
    const problems = problemsOf(env, "metric_ttl: soon\nno_setting: 1");
    expect(problems).toEqual([
      'chouette.yaml line 2: unknown setting "no_setting"',
      expect.stringMatching(/^REDIS_URL: expected redis:.* not shown/),
      'AGGREGATE_INTERVAL: expected a whole number of seconds from 1 to 3600, but got "0"',
      'chouette.yaml line 1, metric_ttl: expected a whole number of seconds from 1 to 316224000, but got "soon"',
      'SEND_SELF_METRICS: expected true or false, but got "perhaps"',
      "API_KEY: expected Datadog's API key, since CHOUETTE_OUTPUT is datadog",
    ]);
    expect(problems.join()).not.toContain("secret@");
  });
});

describe("a password", () => {
  it.each([
    ["REDIS_SENTINELS", "redis+sentinel://:hunter2@10.0.0.1:26379"],
    ["REDIS_SENTINELS", ":hunter2@10.0.0.1"],
    ["REDIS_HOST", "redis://:hunter2@10.0.0.1"],
    ["REDIS_PORT", "redis://:hunter2@10.0.0.1"],
    ["CHOUETTE_LISTEN", "redis://:hunter2@127.0.0.1:6379"],
    ["CHOUETTE_STATSD", "udp://user:hunter2@127.0.0.1:8125"],
    ["DATADOG_URL", "htps://user:hunter2@proxy"],
  ])("in a setting for which none is expected is in no error: %s=%s", (name, text) => {
    const problems = problemsOf({ [name]: text });
    expect(problems).toEqual([expect.stringContaining(`${name}: expected `)]);
    expect(problems[0]).not.toContain("hunter2");
  });
});

describe("settings that contradict each other", () => {
  const shards = "CHOUETTE_SHARDS: expected";
  const gateway = "GATEWAY_URL: expected the address of another agent's broker";
  const pair = "CHOUETTE_TLS_CERT and CHOUETTE_TLS_KEY: expected both";
  const authority = "CHOUETTE_TLS_CERT: expected a certificate";
  const key = "API_KEY: expected Datadog's API key";

  it.each([
    [{ CHOUETTE_SHARDS: "4", CHOUETTE_OUTPUT: "gateway" }, [shards, gateway]],
    [{ CHOUETTE_SHARDS: "4", DAILY_BYTE_BUDGET: "1000000" }, [shards, shards]],
    [
      { CHOUETTE_TLS_KEY: "k", CHOUETTE_TLS_CLIENT_CA: "a", CHOUETTE_OUTPUT: "datadog" },
      [pair, authority, key],
    ],
    [{ CHOUETTE_SHARDS: "many", CHOUETTE_TLS_CERT: "c" }, [shards, pair]],
  ])("are all reported: %j", (env, expected) => {
    expect(problemsOf(env)).toEqual(expected.map((start) => expect.stringContaining(start)));
  });

  it.each([
    [{ CHOUETTE_SHARDS: "4", REDIS_URL: "http://localhost" }, "REDIS_URL"],
    [{ CHOUETTE_OUTPUT: "gateway", GATEWAY_URL: "http://localhost" }, "GATEWAY_URL"],
  ])("are not reported for a setting that is wrong already: %j", (env, name) => {
    expect(problemsOf(env)).toEqual([expect.stringMatching(`^${name}: expected `)]);
  });
});

describe("a port", () => {
  it.each(["0", "65536", "http"])("is not %s", (text) => {
    expect(problemsOf({ REDIS_PORT: text, K8S_STATS_SERVICE_PORT: text })).toEqual([
      `REDIS_PORT: expected a port from 1 to 65535, but got "${text}"`,
      `K8S_STATS_SERVICE_PORT: expected a port from 1 to 65535, but got "${text}"`,
    ]);
  });
});

describe("a reload", () => {
  it("takes what may change while the agent runs, and leaves what it holds from its start", () => {
    const before = settingsOf({ REDIS_HOST: "a", RELEASE_INTERVAL: "60" });
    const after = settingsOf({ REDIS_HOST: "b", RELEASE_INTERVAL: "30" });
    const { config, changed, afterRestart } = reload(before, after);
    expect(changed).toEqual(["releaseInterval"]);
    expect(afterRestart).toEqual(["redisHost"]);
    expect(config.settings.redisHost).toBe("a");
    expect(config.releaseInterval).toBe(30_000);
  });
});

describe("the table of settings", () => {
  it("has names and keys that stand for one setting each", () => {
    const names = ALL.flatMap((setting) => [...setting.names]);
    const keys = ALL.map(fileKey);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("is the whole of what is documented", () => {
    expect(SECTIONS.flatMap(({ settings }) => Object.keys(settings))).toEqual(Object.keys(SETTINGS));
  });

  it.each([
    ["docs/CONFIGURATION.md", configurationPage()],
    ["packages/agent/chouette.schema.json", `${JSON.stringify(settingsSchema(), undefined, 2)}\n`],
  ])("is what %s is made of (else: npm run generate)", (path, made) => {
    expect(readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8")).toBe(made);
  });
});

describe("Datadog's log intake", () => {
  it.each([
    [{}, "https://http-intake.logs.datadoghq.com/api/v2/logs"],
    [{ DD_SITE: "datadoghq.eu" }, "https://http-intake.logs.datadoghq.eu/api/v2/logs"],
    [{ DATADOG_LOGS_URL: "https://logs.example" }, "https://logs.example/api/v2/logs"],
    [{ DATADOG_LOGS_URL: "https://logs.example/api/" }, "https://logs.example/api/v2/logs"],
    [{ DATADOG_LOGS_URL: "https://logs.example/v1/input" }, "https://logs.example/v1/input"],
  ])("is, with %j, at %s", (env, expected) => {
    expect(settingsOf(env).logsUrl).toBe(expected);
  });
});

describe("BACKLOG_RESOLUTION", () => {
  it("names ages with their unit and the seconds between points, both rising", () => {
    const { settings } = settingsOf({ BACKLOG_RESOLUTION: " 90m:60, 6h:300,1d:3600" });
    expect(settings.backlogResolution).toEqual([
      { age: 5_400, step: 60 },
      { age: 21_600, step: 300 },
      { age: 86_400, step: 3_600 },
    ]);
    expect(settingsOf({}, "backlog_resolution: 1h:60").settings.backlogResolution).toHaveLength(1);
    expect(settingsOf({}).settings.backlogResolution).toBeUndefined();
  });

  it("warns of an age at which metrics are dropped already", () => {
    const warningsOf = (env: Readonly<Record<string, string>>) =>
      settingsOf({ BACKLOG_RESOLUTION: "1h:60,6h:300", ...env }).warnings;
    expect(warningsOf({ METRIC_TTL: "86400" })).toEqual([]);
    const without = (item: string, age: number) =>
      `BACKLOG_RESOLUTION: ${item} has no effect, since metrics are dropped at an age of ${age} s`;
    expect(warningsOf({})).toEqual([without("21600s:300", 14_400)]);
    expect(warningsOf({ METRIC_TTL: "86400", DATADOG_HISTORICAL: "off" })).toEqual([
      without("3600s:60", 3_600),
      without("21600s:300", 3_600),
    ]);
  });

  it.each([
    "1h",
    "1:60",
    "1h:60,2h:60",
    "2h:60,1h:300",
    "59s:10",
    "1h:0",
    "1h:90000",
    "1h:60,",
    "1w:60",
  ])("refuses %s", (text) => {
    expect(problemsOf({ BACKLOG_RESOLUTION: text })).toEqual([
      expect.stringMatching(/^BACKLOG_RESOLUTION: expected ages and seconds.* but got /),
    ]);
  });
});
