/** Options from the caller, else the environment, else the default; an invalid one is reported and never used. */
import { readFileSync } from "node:fs";
import { MAX_SHARDS } from "@chouette-iot/record";
import { describe, expect, test } from "vitest";
import { readSettings } from "./options.js";

const read = (options: object = {}, environment: Record<string, string> = {}) => {
  const warnings: string[] = [];
  return { ...readSettings(options, environment, (warning) => void warnings.push(warning)), warnings };
};

test("the defaults are those of the documentation", () => {
  const docs = readFileSync(new URL("../../../docs/CLIENT.md", import.meta.url), "utf8");
  const defaults = Object.fromEntries(
    [...docs.matchAll(/^\| (`[^|]+`) \|[^|]*\| ([^|]*) \|/gm)].flatMap(([, names = "", values = ""]) => {
      const split = values.replace(/(\d),(\d)/g, "$1$2").split(", ");
      return [...names.matchAll(/`(\w+)`/g)].map(([, name], index) => [name, split[index]]);
    }),
  );
  const { warnings, address, spill, shards, answerTimeout, linger, exitTimeout, ...others } = read();
  expect(warnings).toEqual([]);
  for (const [name, value] of Object.entries({
    ...others,
    answerTimeoutMs: answerTimeout,
    lingerMs: linger,
    exitTimeoutMs: exitTimeout,
    bufferBytes: `${others.bufferBytes / 2 ** 20} MiB`,
    spill: spill ?? "none",
    shards: shards ?? "none",
  }))
    expect(`${name} ${value}`).toBe(`${name} ${defaults[name]}`);
  expect(address).toMatchObject({
    host: defaults.host,
    port: Number(defaults.port),
    database: 0,
    tls: undefined,
  });
  const maxBytes = /maxBytes = (\d+) MiB/.exec(docs)?.[1];
  expect(read({ spill: { folder: "f" } }).spill).toEqual({
    folder: "f",
    maxBytes: Number(maxBytes) * 2 ** 20,
  });
});

describe.each([
  ["sampleRate", "sampleRate", 0],
  ["cardinalityLimit", "cardinalityLimit", 1],
  ["answerTimeoutMs", "answerTimeout", 1],
  ["lingerMs", "linger", 0],
  ["bufferRecords", "bufferRecords", 1],
  ["bufferBytes", "bufferBytes", 1],
  ["exitTimeoutMs", "exitTimeout", 0],
  ["waitReplicas", "waitReplicas", 0],
] as const)("%s", (option, setting, min) => {
  test(`is a number from ${min}`, () => {
    const byDefault = read()[setting];
    expect(read({ [option]: min })).toMatchObject({ [setting]: min, warnings: [] });
    for (const none of [undefined, null])
      expect(read({ [option]: none })).toMatchObject({ [setting]: byDefault, warnings: [] });
    for (const wrong of [min - 1, min - 0.5, Number.NaN, "5", {}, true])
      expect(read({ [option]: wrong })).toMatchObject({
        [setting]: byDefault,
        warnings: [
          expect.stringMatching(new RegExp(`^${option}.* number from ${min}.*: ${byDefault} is used$`)),
        ],
      });
    if (option !== "sampleRate")
      expect(read({ [option]: 12_345 })).toMatchObject({ [setting]: 12_345, warnings: [] });
  });
});

test("a sample rate is at most 1", () => {
  expect(read({ sampleRate: 0.5 })).toMatchObject({ sampleRate: 0.5, warnings: [] });
  expect(read({ sampleRate: 1 }).warnings).toEqual([]);
  expect(read({ sampleRate: 1.5 }).warnings).toEqual([
    "sampleRate should be a number from 0 to 1: 1 is used",
  ]);
  expect(read({ lingerMs: -1 }).warnings).toEqual(["lingerMs should be a number from 0: 10 is used"]);
});

test.each([
  ["aggregate", true],
  ["exitSignals", false],
] as const)("%s is true or false", (option, byDefault) => {
  for (const value of [true, false])
    expect(read({ [option]: value })).toMatchObject({ [option]: value, warnings: [] });
  for (const none of [undefined, null])
    expect(read({ [option]: none })).toMatchObject({ [option]: byDefault, warnings: [] });
  expect(read({ [option]: "yes" })).toMatchObject({
    [option]: byDefault,
    warnings: [`${option} should be true or false: ${byDefault} is used`],
  });
});

test("replicas to wait for are whole ones, from the option or REDIS_WAIT_REPLICAS", () => {
  expect(read({}, { REDIS_WAIT_REPLICAS: "2" }).waitReplicas).toBe(2);
  expect(read({ waitReplicas: 0 }, { REDIS_WAIT_REPLICAS: "2" }).waitReplicas).toBe(0);
  expect(read({ waitReplicas: 1.2 }).waitReplicas).toBe(2);
  expect(read({}, { REDIS_WAIT_REPLICAS: "" })).toMatchObject({ waitReplicas: 0, warnings: [] });
  expect(read({}, { REDIS_WAIT_REPLICAS: "two" })).toMatchObject({
    waitReplicas: 0,
    warnings: [expect.stringContaining("REDIS_WAIT_REPLICAS")],
  });
});

test("with a number of shards that is none, no server is used", () => {
  for (const shards of [1, 2, MAX_SHARDS])
    expect(read({ shards })).toMatchObject({ shards, address: { port: 6379 } });
  expect(read({}, { CHOUETTE_SHARDS: "4" }).shards).toBe(4);
  expect(read({ shards: 2 }, { CHOUETTE_SHARDS: "4" }).shards).toBe(2);
  expect(read({}, { CHOUETTE_SHARDS: "" }).shards).toBeUndefined();
  for (const [options, environment] of [
    [{ shards: 0 }],
    [{ shards: -1 }],
    [{ shards: 1.5 }],
    [{ shards: MAX_SHARDS + 1 }],
    [{ shards: "2" }],
    [{}, { CHOUETTE_SHARDS: "many" }],
  ] as const) {
    const { address } = read(options, environment);
    expect(address).toEqual(new Error("shards (CHOUETTE_SHARDS) should be a whole number from 1 to 256"));
  }
});

test("host and port are the caller's, else the environment's", () => {
  const environment = { REDIS_HOST: "of-env", REDIS_PORT: "7000" };
  const addressOf = (options: object) => {
    const { address, warnings } = read(options, environment);
    expect(warnings).toEqual([]);
    return address;
  };
  expect(addressOf({})).toMatchObject({ host: "of-env", port: 7000 });
  expect(addressOf({ host: "mine" })).toMatchObject({ host: "mine", port: 7000 });
  expect(addressOf({ port: 1 })).toMatchObject({ host: "of-env", port: 1 });
  expect(addressOf({ port: 65_535 })).toMatchObject({ port: 65_535 });
  expect(read({}, { REDIS_PORT: "" })).toMatchObject({ address: { port: 6379 }, warnings: [] });
  for (const port of [0, 65_536, 1.5, "none"])
    expect(read({ port }, environment)).toMatchObject({
      address: { host: "of-env", port: 6379 },
      warnings: [expect.stringContaining("REDIS_PORT")],
    });
});

test("REDIS_URL is used only without a server of the caller's", () => {
  const environment = { REDIS_URL: "redis://of-url:7000", REDIS_HOST: "of-env" };
  expect(read({}, environment).address).toMatchObject({ host: "of-url", port: 7000 });
  expect(read({ host: "mine" }, environment).address).toMatchObject({ host: "mine", port: 6379 });
  expect(read({ port: 7001 }, environment).address).toMatchObject({ host: "of-env", port: 7001 });
  expect(read({ url: "redis://mine" }, environment).address).toMatchObject({ host: "mine", port: 6379 });
  expect(read({ sentinels: { servers: "s" } }, environment).address).toMatchObject({
    sentinels: { servers: [{ host: "s" }] },
  });
});

describe("Sentinels", () => {
  const servers = [
    { host: "a", port: 1 },
    { host: "b", port: 26_379 },
  ];

  test("are a text or a list, with a master, which has a default, and their own login", () => {
    const login = { username: "u", password: "p" };
    for (const given of ["a:1,b", ["a:1", "b"]])
      expect(read({ sentinels: { servers: given, master: "m", ...login } }).address).toMatchObject({
        sentinels: { servers, master: "m", ...login },
        username: undefined,
      });
    expect(read({ sentinels: { servers: "a:1,b", username: "", password: "" } }).address).toMatchObject({
      sentinels: { servers, master: "mymaster", username: undefined, password: undefined },
    });
  });

  test("of the environment are used without a server of the caller's", () => {
    const environment = { REDIS_SENTINELS: "a:1,b", REDIS_SENTINEL_MASTER: "m", REDIS_HOST: "h" };
    expect(read({}, environment).address).toMatchObject({ sentinels: { servers, master: "m" } });
    for (const options of [{ host: "mine" }, { port: 7000 }])
      expect(read(options, environment).address).toMatchObject({ sentinels: undefined, ...options });
    expect(read({ host: "mine", sentinels: { servers: "b" } }, environment).address).toMatchObject({
      sentinels: { servers: [servers[1]], master: "mymaster" },
    });
    expect(read({}, { REDIS_SENTINELS: "" }).address).toMatchObject({ sentinels: undefined });
  });

  test.each([
    { servers: "a:b:c" },
    { servers: "" },
    { servers: 5 },
    {},
  ])("in %j are an error", (sentinels) => {
    expect(read({ sentinels }).address).toEqual(
      new Error("the Sentinels (REDIS_SENTINELS) should be host:port,host:port"),
    );
  });
});

test("a URL that is none is an error, which doesn't quote it", () => {
  const { address, warnings } = read({ url: "redis://:secret@h:port" });
  expect(address).toBeInstanceOf(Error);
  expect(String(address)).not.toContain("secret");
  expect(warnings).toEqual([]);
});

test("a spill has a folder, and a limit of at least one byte", () => {
  expect(read().spill).toBeUndefined();
  expect(read({ spill: { folder: "f", maxBytes: 1 } })).toMatchObject({
    spill: { folder: "f", maxBytes: 1 },
    warnings: [],
  });
  expect(read({ spill: { folder: "f", maxBytes: 0 } }).warnings).toEqual([
    expect.stringMatching(/^spill.maxBytes should be a number from 1/),
  ]);
});
