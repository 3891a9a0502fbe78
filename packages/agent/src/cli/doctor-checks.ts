/** What `chouette doctor` looks at: each look answers with what it found and what to do about it. */
import { existsSync, statfsSync, statSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { isLoopback } from "../address.js";
import type { Config } from "../config/config.js";
import { hostNameProblem } from "../config/host-name.js";
import { SETTINGS } from "../config/settings.js";
import { FILE_VARIABLE } from "../config/settings-file.js";
import { askAgent, controlSocket } from "../status/control.js";
import { lookAtDatadog } from "./doctor-datadog.js";
import { checkOriginalHost } from "./doctor-original-host.js";
import { lookAtRedis } from "./doctor-redis.js";
import { exposures } from "./exposure.js";

export interface Finding {
  readonly about: string;
  readonly verdict: "fine" | "warning" | "wrong";
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string;
}

const LEAST_FREE_BYTES = 100_000_000;
const CONNECT_TIMEOUT_MS = 2_000;

export async function lookAround(config: Config, env: NodeJS.ProcessEnv): Promise<readonly Finding[]> {
  const looks = await Promise.all([
    lookAtSettings(config, env),
    config.storage === "redis" ? lookAtRedis(config) : lookAtEmbeddedBroker(config),
    checkOriginalHost(config),
    lookAtDisk(config),
    lookAtDatadog(config),
    lookAtExposures(config),
  ]);
  return looks.flat();
}

async function lookAtExposures(config: Config): Promise<readonly Finding[]> {
  const found = await exposures(config);
  return found.map((exposure) => ({ about: "key", verdict: "warning", ...exposure }));
}

function lookAtSettings(
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
      verdict: "fine",
      found: `${sources.size} set${file === undefined ? "" : `, from the environment and ${file}`}`,
    },
  ];
  const hostName = hostNameProblem(settings);
  if (hostName !== undefined)
    findings.push({
      about: "settings",
      verdict: "warning",
      found: hostName,
      advice: "set HOST to a name of this device alone",
    });
  for (const warning of warnings)
    findings.push({ about: "settings", verdict: "warning", found: warning, advice: "correct it there" });
  if (unknown.length > 0)
    findings.push({
      about: "settings",
      verdict: "warning",
      found: `no settings of Chouette: ${unknown.join(", ")}`,
      advice: "look for a slip in the names; `chouette config` lists those that there are",
    });
  if (output === "stdout")
    findings.push({
      about: "settings",
      verdict: "warning",
      found: "nothing is sent: ready metrics are printed",
      advice: "set API_KEY to send them to Datadog",
    });
  if (file !== undefined && holdsSecret(sources) && (statSync(file).mode & 0o077) !== 0)
    findings.push({
      about: "settings",
      verdict: "warning",
      found: `${file} holds a secret and can be read by others`,
      advice: `chmod 600 ${file}, and have it belong to the agent's user`,
    });
  return findings;
}

function holdsSecret(sources: Config["sources"]): boolean {
  // A source in a file is told by its path and line, one in the environment by its name.
  return [...sources].some(([name, source]) => SETTINGS[name].secret && source.includes(" line "));
}

async function lookAtEmbeddedBroker(config: Config): Promise<readonly Finding[]> {
  return [...(await lookAtListener(config)), ...lookAtPassword(config)];
}

function lookAtPassword({ settings }: Config): readonly Finding[] {
  const { listen, password, protectedMode } = settings;
  if (password !== undefined || listen.host === "localhost" || isLoopback(listen.host)) return [];
  const found = protectedMode
    ? "it listens beyond loopback without a password, and refuses clients of other machines"
    : "it listens beyond loopback without a password: anybody who can reach it may store records";
  const advice = "set CHOUETTE_PASSWORD, or CHOUETTE_LISTEN to an address of loopback";
  return [{ about: "broker", verdict: "warning", found, advice }];
}

async function lookAtListener({ settings }: Config): Promise<readonly Finding[]> {
  const { host, port } = settings.listen;
  const address = `${host}:${port}`;
  const running = await askAgent(controlSocket(settings.dataDirectory), { kind: "list" }).catch(
    () => undefined,
  );
  const isTaken = await answers(host, port);
  if (running !== undefined && isTaken)
    return [{ about: "broker", verdict: "fine", found: `the running agent answers on ${address}` }];
  if (isTaken)
    return [
      {
        about: "broker",
        verdict: "wrong",
        found: `${address} is another program's, or another user's agent's`,
        advice: "set CHOUETTE_LISTEN to another address, or REDIS_HOST if that is a Redis to be used",
      },
    ];
  return [{ about: "broker", verdict: "fine", found: `no agent runs; ${address} is free for one` }];
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

/** Of the embedded broker's folder, or of the nearest one above it that is there. */
async function lookAtDisk({ storage, settings }: Config): Promise<readonly Finding[]> {
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
        verdict: "wrong",
        found: `${folder} can't be written by this user`,
        advice: "set CHOUETTE_DATA_DIR to a folder that can, or give this one to the agent's user",
      },
    ];
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const found = `${Math.floor(free / 1_000_000)} MB free for ${settings.dataDirectory}`;
  if (free >= LEAST_FREE_BYTES) return [{ about: "disk", verdict: "fine", found }];
  const advice = "make room, or set CHOUETTE_DATA_DIR to another disk: clients are refused when it is full";
  return [{ about: "disk", verdict: "warning", found, advice }];
}
