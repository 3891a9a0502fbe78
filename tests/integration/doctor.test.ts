/** `chouette doctor`: its findings and its advice. */

import { chmod, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { startIntake } from "../../packages/agent/src/intake/intake.js";
import { type AgentSettings, runChouette, startAgentProcess } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { startForwardProxy } from "../support/forward-proxy.js";
import { startHttpsFront } from "../support/https-front.js";
import { listen } from "../support/listening.js";
import { CLOSED_PORT, reservedPort } from "../support/ports.js";
import { startRedis } from "../support/redis-server.js";

const KEY = "0123456789abcdef0123456789abcdef";
const cleanUps = cleanUpsAfterEach();
let folder: string;
let reserved: number;

beforeEach(async () => {
  const made = await newFolder();
  folder = made.path;
  reserved = await reservedPort();
  cleanUps.push(made.remove);
});
interface Finding {
  readonly about: string;
  readonly verdict: string;
  readonly found: string;
  readonly advice?: string;
}

async function doctor(
  settings: AgentSettings,
): Promise<{ code: unknown; findings: readonly Finding[]; text: string }> {
  const running = runChouette(["doctor", "--json"], {
    CHOUETTE_LISTEN: `${reserved}`,
    CHOUETTE_DATA_DIR: join(folder, "data"),
    ...settings,
  });
  const code = await running.ended;
  return { code, findings: JSON.parse(running.output()), text: running.output() };
}

async function intakeUrl(): Promise<string> {
  const intake = await startIntake({ apiKey: KEY });
  cleanUps.push(() => intake.close());
  return `${intake.url}/api`;
}

/** A folder that not even root can create: its parent is a file. */
async function insideFile(): Promise<string> {
  await writeFile(join(folder, "file"), "");
  return join(folder, "file", "data");
}

/** A server that accepts every key and has a different date. */
async function serverAt(date: Date): Promise<string> {
  const server = createServer((_request, response) => {
    response.sendDate = false;
    response.setHeader("Date", date.toUTCString());
    response.end('{"valid":true}');
  });
  const { port, stop } = await listen(server);
  cleanUps.push(stop);
  return `http://127.0.0.1:${port}/api`;
}

describe("chouette doctor", () => {
  it("finds nothing wrong where an agent can run, or runs", async () => {
    const settings = { API_KEY: KEY, DATADOG_URL: await intakeUrl() };
    const before = await doctor(settings);
    expect(before.findings.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
    expect(before.findings.map(({ about }) => about)).toEqual([
      "settings",
      "history",
      "broker",
      "disk",
      "link",
      "key",
      "clock",
    ]);
    expect(before.code).toBe(0);
    expect(before.text).not.toContain(KEY);
    const running = { ...settings, CHOUETTE_LISTEN: `${reserved}`, CHOUETTE_DATA_DIR: join(folder, "data") };
    const agent = await startAgentProcess(running);
    cleanUps.push(() => agent.end());
    const beside = await doctor(settings);
    expect(beside.code).toBe(0);
    expect(beside.findings).toContainEqual(
      expect.objectContaining({ found: expect.stringContaining("running agent") }),
    );
    const moved = await doctor({ ...settings, CHOUETTE_LISTEN: "127.0.0.1:0" });
    expect(moved.findings).toContainEqual(
      expect.objectContaining({ found: expect.stringContaining("the running agent listens elsewhere") }),
    );
    expect(beside.findings).toContainEqual(
      expect.objectContaining({ about: "store", found: expect.stringContaining("written since start") }),
    );
  });

  it.each([
    ["key", async () => ({ API_KEY: "another", DATADOG_URL: await intakeUrl() }), /rejected/, /DD_SITE/],
    [
      "link",
      async () => ({ API_KEY: KEY, DATADOG_URL: `http://127.0.0.1:${CLOSED_PORT}` }),
      /ECONNREFUSED/,
      /firewall/,
    ],
    [
      "clock",
      async () => ({ API_KEY: KEY, DATADOG_URL: await serverAt(new Date(Date.now() + 3600_000)) }),
      /3(59|60)\d s behind/,
      /NTP/,
    ],
    [
      "broker",
      async () => ({ REDIS_PORT: `${CLOSED_PORT}`, REDIS_HOST: "127.0.0.1" }),
      /ECONNREFUSED/,
      /REDIS_HOST/,
    ],
    ["disk", async () => ({ CHOUETTE_DATA_DIR: await insideFile() }), /not writable/, /CHOUETTE_DATA_DIR/],
  ] as const)("finds what is wrong with the %s, and says what to do", async (about, settings, found, advice) => {
    const { code, findings } = await doctor(await settings());
    const finding = findings.find((candidate) => candidate.about === about && candidate.verdict === "error");
    expect(finding?.found).toMatch(found);
    expect(finding?.advice).toMatch(advice);
    expect(code).toBe(1);
  });

  it("says that a broker's address is another program's", async () => {
    cleanUps.push((await listen(createServer(), reserved)).stop);
    const { code, findings } = await doctor({});
    expect(code).toBe(1);
    expect(findings).toContainEqual(expect.objectContaining({ about: "broker", verdict: "error" }));
  });

  it.each([
    ["0.0.0.0", {}, /without a password and refuses/],
    ["[::]", { CHOUETTE_PROTECTED_MODE: "false" }, /anybody who can reach it/],
  ])("warns of a broker that listens on %s without a password", async (host, settings, found) => {
    const warnings = async (more: Readonly<Record<string, string>>) => {
      const { findings } = await doctor({ CHOUETTE_LISTEN: `${host}:${reserved}`, ...settings, ...more });
      return findings.filter(({ about, verdict }) => about === "broker" && verdict === "warning");
    };
    expect(await warnings({})).toEqual([
      expect.objectContaining({
        found: expect.stringMatching(found),
        advice: expect.stringContaining("CHOUETTE_PASSWORD"),
      }),
    ]);
    expect(await warnings({ CHOUETTE_PASSWORD: "secret" })).toEqual([]);
  });

  it("warns of a Redis that keeps nothing through a power cut or throws queues away", async () => {
    const redis = await startRedis(["--maxmemory", "10mb", "--maxmemory-policy", "allkeys-lru"]);
    cleanUps.push(() => redis.stop());
    const { code, findings } = await doctor({ REDIS_URL: redis.url });
    const warnings = findings.filter(({ about, verdict }) => about === "broker" && verdict === "warning");
    expect(warnings.map(({ advice }) => advice)).toEqual([
      "set appendonly yes in redis.conf",
      "set maxmemory-policy noeviction in redis.conf",
    ]);
    expect(code).toBe(0);
  });

  it("says how full a Redis is, and takes an account without INFO for no failure", async () => {
    const redis = await startRedis(["--maxmemory", "10mb", "--appendonly", "yes"]);
    cleanUps.push(() => redis.stop());
    const broker = await lookInto(redis.url);
    cleanUps.push(() => broker.close());
    const found = async (url: string) => {
      const { findings } = await doctor({ REDIS_URL: url });
      return findings.filter(({ about }) => about === "broker");
    };
    expect((await found(redis.url)).map(({ verdict, found }) => [verdict, found])).toEqual([
      ["ok", expect.stringMatching(/^Redis .* answers$/)],
      ["ok", expect.stringMatching(/^Redis uses \d\.\d of 10\.5 MB$/)],
    ]);
    await broker.command("CONFIG", "SET", "maxmemory", "900kb");
    expect(await found(redis.url)).toContainEqual(
      expect.objectContaining({
        verdict: "warning",
        found: expect.stringContaining("a full Redis refuses or evicts"),
      }),
    );
    await broker.command("ACL", "SETUSER", "plain", "on", ">pw", "~chouette*", "+@all", "-@dangerous");
    expect(await found(redis.url.replace("//", "//plain:pw@"))).toEqual([
      {
        about: "broker",
        verdict: "ok",
        found: expect.stringContaining("the account has no permission for INFO"),
      },
    ]);
  });

  it("names wrong settings and slips in their names, and a file of secrets that others can read", async () => {
    const wrong = await doctor({ METRIC_TTL: "soon", AGGREGATE_GRACE: "-1" });
    expect(wrong.code).toBe(2);
    expect(wrong.findings).toHaveLength(2);
    const path = join(folder, "chouette.yaml");
    await writeFile(path, `password: ${KEY}\n`);
    await chmod(path, 0o644);
    const { findings, text } = await doctor({ CHOUETTE_CONFIG: path, CHOUETTE_LISTN: "1" });
    expect(findings).toContainEqual(
      expect.objectContaining({ found: "unknown setting CHOUETTE_LISTN: did you mean CHOUETTE_LISTEN?" }),
    );
    expect(findings).toContainEqual(
      expect.objectContaining({ advice: expect.stringContaining(`chmod 600 ${path}`) }),
    );
    expect(text).not.toContain(KEY);
  });
});

describe("chouette doctor on the way that the agent takes", () => {
  async function way(password?: string) {
    const proxy = await startForwardProxy(password);
    const front = await startHttpsFront((await intakeUrl()).replace(/\/api$/, ""));
    cleanUps.push(proxy.stop, front.stop);
    const settings = { API_KEY: KEY, DATADOG_URL: `${front.url}/api`, DATADOG_CA_FILE: front.authority };
    return { proxy, front, settings, proxyUrl: `http://owl:${password}@127.0.0.1:${proxy.port}` };
  }

  it.each([
    "HTTPS_PROXY",
    "https_proxy",
  ])("goes through %s to a certificate of one's own authority", async (name) => {
    const { proxy, front, settings, proxyUrl } = await way("secret");
    const { code, findings, text } = await doctor({ ...settings, [name]: proxyUrl });
    expect(findings.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
    expect(code).toBe(0);
    expect(proxy.connected).toEqual([new URL(front.url).host]);
    for (const secret of [KEY, "secret"]) expect(text).not.toContain(secret);
  });

  it("goes by HTTP_PROXY to what is no HTTPS", async () => {
    const { proxy } = await way();
    const url = await intakeUrl();
    const { code } = await doctor({
      API_KEY: KEY,
      DATADOG_URL: url,
      HTTP_PROXY: `http://127.0.0.1:${proxy.port}`,
    });
    expect(code).toBe(0);
    expect(proxy.connected).toEqual([new URL(url).host]);
  });

  it.each([
    ["link", { DATADOG_CA_FILE: "" }, /certificate/, /DATADOG_CA_FILE/],
    ["link", { HTTPS_PROXY: "http://owl:wrong@PROXY" }, /407/, /user and password/],
    ["link", { HTTPS_PROXY: "http://127.0.0.1:1" }, /ECONNREFUSED 127.0.0.1:1/, /HTTPS_PROXY/],
    ["link", { HTTPS_PROXY: "http://SILENT" }, /didn't answer|no connection within|timeout/, /HTTPS_PROXY/],
    ["settings", { DATADOG_CA_FILE: "/nowhere" }, /DATADOG_CA_FILE can't be read/, /file/],
    ["settings", { DATADOG_CA_FILE: "/etc/hostname" }, /has no PEM certificate/, /file/],
    ["settings", { API_KEY_FILE: "/nowhere" }, /API_KEY_FILE can't be read/, /file/],
  ] as const)("finds what is wrong on it with the %s, and says what to do: %j", async (about, setting, found, advice) => {
    const { proxy, settings, proxyUrl } = await way("secret");
    const silent = await listen(createTcpServer((socket) => socket.resume()));
    cleanUps.push(silent.stop);
    const addresses = [
      ["PROXY", `127.0.0.1:${proxy.port}`],
      ["SILENT", `127.0.0.1:${silent.port}`],
    ] as const;
    const wrong = Object.entries(setting).map(([name, value]) => [
      name,
      addresses.reduce<string>((text, [word, address]) => text.replace(word, address), value),
    ]);
    const { code, findings, text } = await doctor({
      ...settings,
      HTTPS_PROXY: proxyUrl,
      ...Object.fromEntries(wrong),
    });
    expect(code).toBe(1);
    const finding = findings.find(({ verdict }) => verdict === "error");
    expect(finding?.about).toBe(about);
    expect(finding?.found).toMatch(found);
    expect(finding?.advice).toMatch(advice);
    for (const secret of [KEY, "secret@", "wrong@"]) expect(text).not.toContain(secret);
  });
});
