/** The checks of `chouette doctor`. Each returns its findings, with advice. */
import { existsSync, statfsSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { hostToAsk } from "../config/broker-address.js";
import type { Config } from "../config/config.js";
import { isLoopback } from "../runtime/address.js";
import { askAgent, controlSocket } from "../status/control.js";
import { checkDatadog } from "./doctor-datadog.js";
import { checkGateway } from "./doctor-gateway.js";
import { checkOriginalHost } from "./doctor-original-host.js";
import { checkRedis } from "./doctor-redis.js";
import { checkSettings } from "./doctor-settings.js";
import { checkStatsd } from "./doctor-statsd.js";
import { checkStore } from "./doctor-store.js";
import { exposures } from "./exposure.js";
import type { Finding } from "./finding.js";
import { askHttp, differs, identityOf } from "./running-agent.js";

const MIN_FREE_BYTES = 100_000_000;
const CONNECT_TIMEOUT_MS = 2_000;

export async function runChecks(config: Config): Promise<readonly Finding[]> {
  const findings = await Promise.all([
    checkSettings(config),
    config.storage === "redis" ? checkRedis(config) : checkEmbeddedBroker(config),
    checkHttp(config),
    checkOriginalHost(config),
    checkDisk(config),
    checkDatadog(config),
    checkGateway(config),
    checkExposures(config),
    checkStatsd(config),
  ]);
  return findings.flat();
}

async function checkExposures(config: Config): Promise<readonly Finding[]> {
  const found = await exposures(config);
  return found.map((exposure) => ({ about: "key", verdict: "warning", ...exposure }));
}

async function checkEmbeddedBroker(config: Config): Promise<readonly Finding[]> {
  return [...(await checkListener(config)), ...(await checkStore(config)), ...checkPassword(config)];
}

function checkPassword({ settings }: Config): readonly Finding[] {
  const { listen, password, protectedMode, tlsClientCa } = settings;
  if (
    password !== undefined ||
    tlsClientCa !== undefined ||
    listen.host === "localhost" ||
    isLoopback(listen.host)
  )
    return [];
  const found = protectedMode
    ? "listens beyond loopback without a password and refuses clients from other machines"
    : "listens beyond loopback without a password: anybody who can reach it can store records";
  const advice = "set CHOUETTE_PASSWORD, or set CHOUETTE_LISTEN to a loopback address";
  return [{ about: "broker", verdict: "warning", found, advice }];
}

/** The status server's port should be free or in use by this agent. */
async function checkHttp(config: Config): Promise<readonly Finding[]> {
  const { http } = config.settings;
  if (http === "off" || http.port === 0) return [];
  const address = `${http.host}:${http.port}`;
  if (!(await answers(hostToAsk(http.host), http.port))) return [];
  const status = await askHttp(config).catch(() => undefined);
  if (status !== undefined && !differs(status, config))
    return [{ about: "status", verdict: "ok", found: `running agent answers on ${address}` }];
  const holder = status === undefined ? "another program" : identityOf(status);
  return [
    {
      about: "status",
      verdict: "error",
      found: `${address} is in use by ${holder}`,
      advice: "set CHOUETTE_HTTP to another address, or to off",
    },
  ];
}

async function checkListener({ settings }: Config): Promise<readonly Finding[]> {
  const { host, port } = settings.listen;
  const address = `${host}:${port}`;
  const running = await askAgent(controlSocket(settings.dataDirectory), { kind: "list" }).catch(
    () => undefined,
  );
  const isInUse = await answers(host, port);
  if (running !== undefined && isInUse)
    return [{ about: "broker", verdict: "ok", found: `running agent answers on ${address}` }];
  if (isInUse)
    return [
      {
        about: "broker",
        verdict: "error",
        found: `${address} is in use by another program or by an agent of another user`,
        advice:
          "set CHOUETTE_LISTEN to another address; if it is a Redis server that you want to use, set REDIS_HOST",
      },
    ];
  return [{ about: "broker", verdict: "ok", found: `no agent is running; ${address} is free` }];
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const end = (answered: boolean) => () => {
      socket.destroy();
      resolve(answered);
    };
    socket.once("connect", end(true)).once("error", end(false)).once("timeout", end(false));
  });
}

/** Checks the embedded broker's folder, or its nearest existing parent. */
async function checkDisk({ storage, settings }: Config): Promise<readonly Finding[]> {
  if (storage === "redis") return [];
  let folder = settings.dataDirectory;
  while (!existsSync(folder)) folder = dirname(folder);
  const isWritable = await access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isWritable)
    return [
      {
        about: "disk",
        verdict: "error",
        found: `${folder} is not writable by this user`,
        advice: "set CHOUETTE_DATA_DIR to a writable folder, or make the agent's user the owner of this one",
      },
    ];
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const found = `${Math.floor(free / 1_000_000)} MB free for ${settings.dataDirectory}`;
  if (free >= MIN_FREE_BYTES) return [{ about: "disk", verdict: "ok", found }];
  const advice =
    "free disk space, or set CHOUETTE_DATA_DIR to another disk: a full disk makes clients' writes fail";
  return [{ about: "disk", verdict: "warning", found, advice }];
}
