/** The checks of `chouette doctor`, and those that are in no other file. Each returns its findings, with advice. */
import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { hostToAsk } from "../config/broker-address.js";
import type { Config } from "../config/config.js";
import { isLoopback, shownAddress } from "../runtime/address.js";
import { askAgent, controlSocket } from "../status/control.js";
import { checkDatadog } from "./doctor-datadog.js";
import { checkGateway } from "./doctor-gateway.js";
import { checkRedis } from "./doctor-redis.js";
import { checkSettings } from "./doctor-settings.js";
import { checkStatsd } from "./doctor-statsd.js";
import { checkDisk, checkStore } from "./doctor-store.js";
import { exposures } from "./exposure.js";
import { type Finding, finding } from "./finding.js";
import { askHttp, differs, identityOf } from "./running-agent.js";

const CONNECT_TIMEOUT_MS = 2_000;
const ORIGINAL_HOST = "redis";

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
  const isLocal = listen.host === "localhost" || isLoopback(listen.host);
  if (password !== undefined || tlsClientCa !== undefined || isLocal) return [];
  const found = protectedMode
    ? "listens beyond loopback without a password and refuses clients from other machines"
    : "listens beyond loopback without a password: anybody who can reach it can store records";
  const advice = "set CHOUETTE_PASSWORD, or set CHOUETTE_LISTEN to a loopback address";
  return [finding("broker", "warning", found, advice)];
}

/** The status server's port should be free or in use by this agent. */
async function checkHttp(config: Config): Promise<readonly Finding[]> {
  const { http } = config.settings;
  if (http === "off" || http.port === 0) return [];
  const address = shownAddress(http);
  if (!(await answers(hostToAsk(http.host), http.port))) return [];
  const status = await askHttp(config).catch(() => undefined);
  if (status !== undefined && !differs(status, config))
    return [finding("status", "ok", `running agent answers on ${address}`)];
  const holder = status === undefined ? "another program" : identityOf(status);
  const advice = "set CHOUETTE_HTTP to another address, or to off";
  return [finding("status", "error", `${address} is in use by ${holder}`, advice)];
}

async function checkListener({ settings }: Config): Promise<readonly Finding[]> {
  const { host, port } = settings.listen;
  const address = shownAddress(settings.listen);
  const asking = askAgent(controlSocket(settings.dataDirectory), { kind: "list" });
  const running = await asking.catch(() => undefined);
  if (!(await answers(host, port))) {
    const agent = running === undefined ? "no agent is running" : "the running agent listens elsewhere";
    return [finding("broker", "ok", `${agent}; ${address} is free`)];
  }
  if (running !== undefined) return [finding("broker", "ok", `running agent answers on ${address}`)];
  const found = `${address} is in use by another program or by an agent of another user`;
  const advice =
    "set CHOUETTE_LISTEN to another address; if it is a Redis server that you want to use, set REDIS_HOST";
  return [finding("broker", "error", found, advice)];
}

/**
 * Warns if the embedded broker is used although a host named `redis` exists. It is the Python agent's default, as in a
 * compose file: on a device that relies on it, programs and agent would use different brokers.
 */
export async function checkOriginalHost(
  { storage }: Pick<Config, "storage">,
  resolve: (host: string) => Promise<unknown> = lookup,
): Promise<readonly Finding[]> {
  if (storage === "redis") return [];
  const exists = await resolve(ORIGINAL_HOST).then(
    () => true,
    () => false,
  );
  if (!exists) return [];
  const found = "the embedded broker is used, but a host named redis exists: the Python agent's default";
  return [finding("broker", "warning", found, "set REDIS_HOST=redis if programs store their records there")];
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
