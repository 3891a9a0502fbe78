/** The way to the intake: through forward proxies, and with a custom certificate authority. */
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { runChouette, startAgentProcess } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { type Delivering, type DeliveringOptions, KEY, startDelivering } from "../support/delivering.js";
import { newFolder } from "../support/folders.js";
import { startForwardProxy } from "../support/forward-proxy.js";
import { startHttpsFront } from "../support/https-front.js";
import { listen } from "../support/listening.js";
import { startRedis } from "../support/redis-server.js";
import { until } from "../support/until.js";

const cleanUps = cleanUpsAfterEach();
let intake: Intake;

beforeEach(async () => {
  intake = await startIntake({ apiKey: KEY });
  cleanUps.push(() => intake.close());
});

/** Stores a record, dispatches once, and returns the outcome. */
async function deliver(options: DeliveringOptions) {
  const delivering: Delivering = startDelivering(options);
  cleanUps.push(() => delivering.stop());
  await delivering.put("a");
  return delivering.dispatcher.dispatch();
}

async function portOf(server: Server): Promise<number> {
  const { port, stop } = await listen(server);
  cleanUps.push(stop);
  return port;
}

async function startProxy(password?: string) {
  const proxy = await startForwardProxy(password);
  cleanUps.push(proxy.stop);
  return proxy;
}

async function startHttps() {
  const front = await startHttpsFront(intake.url);
  cleanUps.push(front.stop);
  return front;
}

const proxiedBy = (url: string, except?: string) => ({ proxies: { http: url, https: url, except } });

describe("a forward proxy", () => {
  it("is used where it is given, with its password", async () => {
    const proxy = await startProxy("secret");
    const connection = proxiedBy(`http://owl:secret@127.0.0.1:${proxy.port}`);
    expect(await deliver({ url: intake.url, connection })).toMatchObject({ delivered: 1 });
    expect(proxy.connected).toEqual([new URL(intake.url).host]);
  });

  it("is not used for the hosts that are excepted", async () => {
    const proxy = await startProxy();
    const connection = proxiedBy(`http://127.0.0.1:${proxy.port}`, "example.org, 127.0.0.1");
    expect(await deliver({ url: intake.url, connection })).toMatchObject({ delivered: 1 });
    expect(proxy.connected).toEqual([]);
  });

  it("that refuses, or isn't there, keeps the records and tells nobody its password", async () => {
    const proxy = await startProxy("secret");
    for (const port of [proxy.port, 1]) {
      const connection = proxiedBy(`http://owl:not-it@127.0.0.1:${port}`);
      const { delivered, rejected, bytes, failure } = await deliver({ url: intake.url, connection });
      expect({ delivered, rejected, bytes }).toEqual({ delivered: 0, rejected: 0, bytes: 0 });
      expect(failure?.kind).toBe("unavailable");
      expect(failure?.reason).not.toContain("not-it");
    }
  });

  it.each([
    400, 403, 407, 502,
  ])("that answers %d itself keeps the records: it is no word of the intake", async (status) => {
    const server = createServer();
    server.on("connect", (_, client) => client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`));
    const connection = proxiedBy(`http://127.0.0.1:${await portOf(server)}`);
    const { delivered, rejected, bytes, failure } = await deliver({ url: intake.url, connection });
    expect({ delivered, rejected, bytes }).toEqual({ delivered: 0, rejected: 0, bytes: 0 });
    expect(failure).toMatchObject({ kind: "unavailable", reason: expect.stringContaining(`${status}`) });
  });

  it("that never answers is given up, and no connection to it is left", async () => {
    const clients: Socket[] = [];
    const server = createTcpServer((client) => {
      clients.push(client.resume());
    });
    const connection = proxiedBy(`http://127.0.0.1:${await portOf(server)}`);
    expect(await deliver({ url: intake.url, connection })).toMatchObject({ delivered: 0, bytes: 0 });
    expect(clients).toHaveLength(1);
    await until("the proxy's side to be closed", () =>
      clients.every(({ readableEnded, destroyed }) => readableEnded || destroyed),
    );
  });

  it("carries TLS to the intake itself, whose certificate is checked", async () => {
    const proxy = await startProxy();
    const { url, authority } = await startHttps();
    const proxied = proxiedBy(`http://127.0.0.1:${proxy.port}`);
    const certificateAuthority = await readFile(authority, "utf8");
    expect(await deliver({ url, connection: { ...proxied, certificateAuthority } })).toMatchObject({
      delivered: 1,
    });
    expect(await deliver({ url, connection: proxied })).toMatchObject({
      delivered: 0,
      failure: { reason: expect.stringContaining("certificate") },
    });
  });
});

describe("a certificate authority of one's own", () => {
  it("is trusted where it is given, and not otherwise", async () => {
    const { url, authority } = await startHttps();
    const certificateAuthority = await readFile(authority, "utf8");
    expect(await deliver({ url, connection: { certificateAuthority } })).toMatchObject({ delivered: 1 });
    expect(await deliver({ url })).toMatchObject({
      delivered: 0,
      failure: { reason: expect.stringContaining("certificate") },
    });
  });
});

describe("the settings of the way to Datadog", () => {
  it("reach the requests of a real agent", async () => {
    const proxy = await startProxy("secret");
    const { url, authority } = await startHttps();
    const folder = await newFolder();
    const redis = await startRedis();
    const queue = await lookInto(redis.url);
    cleanUps.push(
      folder.remove,
      () => redis.stop(),
      () => queue.close(),
    );
    const key = join(folder.path, "key");
    await writeFile(key, `${KEY}\n`);
    const at = Math.floor(Date.now() / 1000) - 60;
    for (const [metric, type, value] of [
      ["g", "gauge", 1 / 3],
      ["c", "count", 12_345_678.5],
    ]) {
      await queue.put(JSON.stringify({ metric, type, value, timestamp: at, tags: {} }), at);
    }
    const agent = await startAgentProcess({
      API_KEY_FILE: key,
      DATADOG_URL: `${url}/api`,
      DATADOG_CA_FILE: authority,
      HTTPS_PROXY: `http://owl:secret@127.0.0.1:${proxy.port}`,
      METRIC_PRECISION: "3",
      REDIS_URL: redis.url,
      RELEASE_INTERVAL: "1",
      SEND_SELF_METRICS: "false",
    });
    cleanUps.push(() => agent.end());
    await until("both to arrive", () => intake.points().length === 2);
    expect(proxy.connected).toEqual([new URL(url).host]);
    const values = new Map(intake.points().map(({ metric, value }) => [metric, value]));
    expect(values.get("c")).toBe(12_345_678.5);
    expect(values.get("g")).not.toBe(1 / 3);
    expect(values.get("g")).toBeCloseTo(1 / 3, 3);
    for (const secret of [KEY, "secret"]) expect(agent.output()).not.toContain(secret);
  });
});

describe("a file that a setting names", () => {
  it.each([
    ["DATADOG_CA_FILE", { API_KEY: KEY, DATADOG_CA_FILE: "/nowhere/ca.pem" }],
    ["API_KEY_FILE", { API_KEY_FILE: "/nowhere/key" }],
  ])("is missed before anything else is done: %s", async (name, settings) => {
    const agent = runChouette(["agent"], { REDIS_HOST: "127.0.0.1", REDIS_PORT: "1", ...settings });
    expect(await agent.ended).toBe(1);
    expect(agent.output()).toContain(`${name} can't be read`);
  });
});
