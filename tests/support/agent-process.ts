/** The built agent, as a separate process. */
import { fileURLToPath } from "node:url";
import { type Running, run } from "./running.js";

/** The command's script. */
export const CHOUETTE = fileURLToPath(new URL("../../packages/agent/bin/chouette.js", import.meta.url));

/** Settings that an agent must not inherit from the environment of the tests. */
const NOTHING_SET = {
  API_KEY: undefined,
  DD_API_KEY: undefined,
  GLOBAL_TAGS: undefined,
  DD_TAGS: undefined,
  REDIS_URL: undefined,
  REDIS_HOST: undefined,
  REDIS_SENTINELS: undefined,
  CHOUETTE_CONFIG: undefined,
  // Tests that use it set an address: another agent may have the default port.
  CHOUETTE_HTTP: "off",
  CHOUETTE_HTTP_TOKEN: undefined,
  SEND_SELF_METRICS: "false",
  // Likewise.
  CHOUETTE_STATSD: "off",
};

export type AgentSettings = Readonly<Record<string, string>>;

/**
 * Starts an agent and resolves once it runs. Its `end` rejects if Node has printed a warning about a leak or a
 * deprecation.
 */
export async function startAgentProcess(settings: AgentSettings): Promise<Running> {
  const agent = runChouette(["agent"], settings);
  await agent.wrote(/agent \S+ started/);
  const end: Running["end"] = async (signal) => {
    const ended = await agent.end(signal);
    const warning = /^\(node:\d+\) .*$/m.exec(agent.output());
    if (warning !== null) throw new Error(`the agent's process was warned of: ${warning[0]}`);
    return ended;
  };
  return { ...agent, end };
}

/** The port of an agent's broker, for agents with `CHOUETTE_LISTEN=127.0.0.1:0`. */
export async function brokerPort(agent: Running): Promise<number> {
  return listenedPort(agent, "broker listening");
}

/** Likewise of its HTTP server. */
export async function statusPort(agent: Running): Promise<number> {
  return listenedPort(agent, "status server listening");
}

async function listenedPort(agent: Running, message: string): Promise<number> {
  const line = new RegExp(`"listen":"[^"]*:(\\d+)","msg":"${message}"`);
  await agent.wrote(line);
  return Number(line.exec(agent.output())?.[1]);
}

/** Starts a command of `chouette`. */
export function runChouette(args: readonly string[], settings: AgentSettings = {}): Running {
  return run(process.execPath, [CHOUETTE, ...args], { env: { ...NOTHING_SET, ...settings } });
}

/** Runs a command of `chouette` to its end. */
export async function chouette(
  args: readonly string[],
  settings: AgentSettings = {},
): Promise<{ readonly code: number | NodeJS.Signals; readonly output: string }> {
  const running = runChouette(args, settings);
  return { code: await running.ended, output: running.output() };
}
