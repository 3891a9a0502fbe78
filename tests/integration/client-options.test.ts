/** Options for the connection: TLS with certificates, a Unix socket, a login, host names. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ChouetteClient, type ChouetteClientOptions } from "chouette-iot-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newFolder } from "../support/folders.js";
import { reservedPort } from "../support/ports.js";
import { type Running, run } from "../support/running.js";
import { MASTER, startSentinel, watching } from "../support/sentinels.js";
import { until } from "../support/until.js";

const PASSWORD = "p/a#s?s%@";
let folder: Awaited<ReturnType<typeof newFolder>>;
let port: number;
let server: Running;

const file = (name: string) => join(folder.path, name);
const pem = (name: string) => readFileSync(file(name));

/** One server: TLS for those with a certificate of the authority, a Unix socket without TLS, a password for both. */
beforeAll(async () => {
  folder = await newFolder();
  const openssl = (args: string) =>
    execFileSync("openssl", args.split(" "), { cwd: folder.path, stdio: "ignore" });
  const created = "req -x509 -days 2 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
  openssl(`${created} -keyout ca.key -out ca.pem -subj /CN=Test-Authority`);
  const signed = `${created} -CA ca.pem -CAkey ca.key`;
  openssl(
    `${signed} -keyout server.key -out server.pem -subj /CN=broker -addext subjectAltName=DNS:broker.local`,
  );
  openssl(`${signed} -keyout client.key -out client.pem -subj /CN=client`);
  port = await reservedPort();
  const tls = ["--tls-port", `${port}`, "--port", "0", "--tls-auth-clients", "yes", "--bind", "127.0.0.1"];
  const files = [
    "--tls-cert-file",
    "server.pem",
    "--tls-key-file",
    "server.key",
    "--tls-ca-cert-file",
    "ca.pem",
  ];
  const others = ["--unixsocket", file("redis.sock"), "--requirepass", PASSWORD, "--save", ""];
  server = run("redis-server", [...tls, ...files, ...others], { cwd: folder.path });
  await server.wrote("Ready to accept connections");
});
afterAll(async () => {
  await server.end("SIGKILL");
  await folder.remove();
});

/** Whether a record is stored with these options, or the error. */
async function outcome(options: ChouetteClientOptions): Promise<boolean | string> {
  const client = new ChouetteClient({ answerTimeoutMs: 20_000, ...options });
  const answer = client.count("m", 1, { timestamp: 1 });
  const result = await Promise.race([
    answer,
    until("an outcome", () => client.stats().lastError?.message, 20_000),
  ]);
  await client.close({ timeoutMs: 1 });
  return result;
}

test("TLS with the authority, a certificate, its key and the server's name as options", async () => {
  const tls = {
    ca: pem("ca.pem"),
    cert: pem("client.pem"),
    key: pem("client.key"),
    servername: "broker.local",
  };
  const login = { password: PASSWORD, username: "default", database: 3 };
  expect(await outcome({ host: "127.0.0.1", port, tls, ...login })).toBe(true);
  expect(await outcome({ url: `rediss://127.0.0.1:${port}`, tls, ...login })).toBe(true);
  expect(await outcome({ port, tls: { ...tls, servername: "other.local" }, ...login })).toMatch(/altnames/);
  expect(await outcome({ port, tls: { servername: "broker.local" }, ...login })).toMatch(/certificate/);
  expect(await outcome({ port, tls: { ca: tls.ca, servername: "broker.local" }, ...login })).toMatch(
    /unavailable/,
  );
});

test("Sentinels with TLS and a password of their own, in a URL or as options", async () => {
  const sentinelPort = await reservedPort();
  const files = ["cert-file server.pem", "key-file server.key", "ca-cert-file ca.pem"].map((line) => {
    const [name, path = ""] = line.split(" ");
    return `tls-${name} ${file(path)}`;
  });
  const sentinel = await startSentinel([
    ...watching(port),
    ...["port 0", `tls-port ${sentinelPort}`, "requirepass sentinels"],
    ...files,
  ]);
  try {
    const tls = {
      ca: pem("ca.pem"),
      cert: pem("client.pem"),
      key: pem("client.key"),
      servername: "broker.local",
    };
    const servers = `127.0.0.1:${sentinelPort}`;
    const login = encodeURIComponent(PASSWORD);
    const url = `rediss+sentinel://:${login}@${servers}/${MASTER}/3?sentinel_password=`;
    expect(await outcome({ url: `${url}sentinels`, tls })).toBe(true);
    expect(await outcome({ url: `${url}secret`, tls })).toMatch(
      /^no Sentinel names .*WRONGPASS (?!.*secret)/,
    );
    const sentinels = { servers, master: MASTER, password: "sentinels" };
    expect(await outcome({ sentinels, tls, password: PASSWORD })).toBe(true);
    expect(await outcome({ sentinels, tls, password: "wrong" })).toMatch(/WRONGPASS/);
    expect(await outcome({ sentinels: { servers: "host:port" } })).toMatch(/REDIS_SENTINELS/);
  } finally {
    await sentinel.stop();
  }
});

test("a Unix socket, with its password percent-encoded, or as it is as an option", async () => {
  const path = file("redis.sock");
  expect(await outcome({ url: `unix://:${encodeURIComponent(PASSWORD)}@${path}?db=2` })).toBe(true);
  expect(await outcome({ url: `unix://${path}`, password: PASSWORD })).toBe(true);
  expect(await outcome({ url: `unix://${path}` })).toMatch(/NOAUTH/);
  expect(await outcome({ url: `unix://${path}`, password: "wrong" })).toMatch(/WRONGPASS/);
});

test("an error names the address and what is wrong there, and no password", async () => {
  const nobody = await reservedPort();
  const message = await outcome({ url: `redis://:secret@localhost:${nobody}` });
  expect(message).toMatch(/^Redis at localhost:\d+ is unavailable: .*ECONNREFUSED/);
  expect(message).not.toContain("secret");
  expect(await outcome({ url: `redis://:sec/ret@localhost:${port}` })).toMatch(/percent-encoded/);
});
