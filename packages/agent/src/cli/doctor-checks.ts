/** The checks of `chouette doctor`: each returns what it found and what to do about it. */

import { existsSync, statfsSync, statSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import type { Config } from "../config/config.js";
import { hostNameProblem } from "../config/host-name.js";
import { OUTPUTS } from "../config/outputs.js";
import { SETTINGS } from "../config/settings.js";
import { FILE_VARIABLE, unknownSetting } from "../config/settings-file.js";
import { isLoopback } from "../runtime/address.js";
import { askAgent, controlSocket } from "../status/control.js";
import { checkDatadog } from "./doctor-datadog.js";
import { checkOriginalHost } from "./doctor-original-host.js";
import { checkRedis } from "./doctor-redis.js";
import { checkStatsd } from "./doctor-statsd.js";
import { exposures } from "./exposure.js";
import type { Finding } from "./finding.js";

const MIN_FREE_BYTES = 100_000_000;
const CONNECT_TIMEOUT_MS = 2_000;

export async function runChecks(config: Config, env: NodeJS.ProcessEnv): Promise<readonly Finding[]> {
  const findings = await Promise.all([
    checkSettings(config, env),
    config.storage === "redis" ? checkRedis(config) : checkEmbeddedBroker(config),
    checkOriginalHost(config),
    checkDisk(config),
    checkDatadog(config),
    checkExposures(config),
    checkStatsd(config),
  ]);
  return findings.flat();
}

async function checkExposures(config: Config): Promise<readonly Finding[]> {
  const found = await exposures(config);
  return found.map((exposure) => ({ about: "key", verdict: "warning", ...exposure }));
}

function checkSettings(
  { settings, sources, file, output, warnings }: Config,
  env: NodeJS.ProcessEnv,
): readonly Finding[] {
  const known = new Set<string>([
    FILE_VARIABLE,
    ...Object.values(SETTINGS).flatMap(({ names }) => [...names]),
  ]);
  const unknown = Object.keys(env).filter((name) => name.startsWith("CHOUETTE_") && !known.has(name));
  const findings: Finding[] = [
    {
      about: "settings",
      verdict: "ok",
      found:
        sources.size === 0
          ? "all defaults"
          : `${sources.size} set${file === undefined ? " in the environment" : ` in the environment and ${file}`}`,
    },
  ];
  const hostName = hostNameProblem(settings);
  if (hostName !== undefined)
    findings.push({
      about: "settings",
      verdict: "warning",
      found: hostName,
      advice: "set HOST to a name that is unique to this device",
    });
  for (const warning of warnings)
    findings.push({ about: "settings", verdict: "warning", found: warning, advice: "correct the setting" });
  for (const name of unknown)
    findings.push({
      about: "settings",
      verdict: "warning",
      found: unknownSetting(name, known),
      advice: "correct or remove it; `chouette config` lists all settings",
    });
  if (OUTPUTS[output].isForPeople)
    findings.push({
      about: "settings",
      verdict: "warning",
      found: `nothing is sent to Datadog: ready metrics are printed to ${OUTPUTS[output].place}`,
      advice: "set API_KEY",
    });
  if (file !== undefined && holdsSecret(sources) && (statSync(file).mode & 0o077) !== 0)
    findings.push({
      about: "settings",
      verdict: "warning",
      found: `${file} contains a secret and is readable by other users`,
      advice: `chmod 600 ${file} and make the agent's user its owner`,
    });
  return findings;
}

function holdsSecret(sources: Config["sources"]): boolean {
  // The source of a setting is `FILE line N, KEY`, or a variable's name.
  return [...sources].some(([name, source]) => SETTINGS[name].secret && source.includes(" line "));
}

async function checkEmbeddedBroker(config: Config): Promise<readonly Finding[]> {
  return [...(await checkListener(config)), ...checkPassword(config)];
}

function checkPassword({ settings }: Config): readonly Finding[] {
  const { listen, password, protectedMode } = settings;
  if (password !== undefined || listen.host === "localhost" || isLoopback(listen.host)) return [];
  const found = protectedMode
    ? "listens beyond loopback without a password and refuses clients from other machines"
    : "listens beyond loopback without a password: anybody who can reach it can store records";
  const advice = "set CHOUETTE_PASSWORD, or set CHOUETTE_LISTEN to a loopback address";
  return [{ about: "broker", verdict: "warning", found, advice }];
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
