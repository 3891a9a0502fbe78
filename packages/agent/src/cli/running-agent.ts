/**
 * Finds the running agent of a command's settings. Several agents can run on a device.
 *
 * An agent is identified by its data directory, or by its Redis server. Each command reports which agent answered, and refuses
 * the answer of another one.
 */
import { messageOf } from "@chouette-iot/record";
import type { Config } from "../config/config.js";
import { askAgentStatus, controlSocket } from "../status/control.js";
import type { Status } from "../status/status.js";
import { askJson, notAnAgent } from "./http-client.js";

/** The running agent's status. Rejects with a message for people if there is none, or if another agent answers. */
export async function askStatus(config: Config): Promise<Status> {
  if (config.storage === "embedded") {
    const status = await askAgentStatus(controlSocket(config.settings.dataDirectory)).catch(() => undefined);
    if (status !== undefined) return status;
  }
  const status = await askHttp(config);
  if (!differs(status, config)) return status;
  throw new Error(
    `CHOUETTE_HTTP leads to ${identityOf(status)}, not to the agent of these settings: correct CHOUETTE_HTTP or ${config.storage === "embedded" ? "CHOUETTE_DATA_DIR" : "REDIS_HOST"}`,
  );
}

/** The status of the agent that answers on CHOUETTE_HTTP, whichever it is. */
export async function askHttp(config: Config): Promise<Status> {
  const status = (await askJson(config, "/status")) as Status;
  if (status.version !== undefined) return status;
  throw notAnAgent(config);
}

const NAMING_THE_BROKER = ["storageType", "redisHost", "redisUrl", "redisSentinels"] as const;

/**
 * Whether this is certainly another agent than that of the settings. If the data directory isn't set, its default differs
 * between a service and a user, so a difference means nothing.
 */
export function differs({ broker }: Status, { storage, settings, sources }: Config): boolean {
  if (broker.kind !== storage) return NAMING_THE_BROKER.some((name) => sources.has(name));
  if (storage === "redis") return false;
  return sources.has("dataDirectory") && broker.dataDirectory !== settings.dataDirectory;
}

/** Describes an agent in an error. */
export function identityOf({ pid, broker: { kind, address, dataDirectory } }: Status): string {
  const data = dataDirectory === undefined ? "" : `, data in ${dataDirectory}`;
  return `the agent with process ${pid} (broker ${kind}${address === undefined ? "" : ` on ${address}`}${data})`;
}

/** The error of a command that found no control socket. It names the agent that may have been meant. */
export async function noAgentError(config: Config, error: unknown): Promise<Error> {
  const running = await askHttp(config).catch(() => undefined);
  const reason = messageOf(error);
  const data = running?.broker.dataDirectory;
  if (running === undefined || data === undefined || data === config.settings.dataDirectory)
    return new Error(reason);
  return new Error(
    `${reason}\n${identityOf(running)} runs here: for that one, set CHOUETTE_DATA_DIR=${data} and run this as its user or root`,
  );
}
