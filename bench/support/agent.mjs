/** The agent of a tree, as a separate process. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { freePort, startServer } from "./server.mjs";
import { until } from "./until.mjs";

/** Variables that the agent must not inherit from the environment of the suite. */
const NOTHING_SET = {
  DD_API_KEY: undefined,
  GLOBAL_TAGS: undefined,
  DD_TAGS: undefined,
  REDIS_URL: undefined,
  REDIS_HOST: undefined,
  CHOUETTE_CONFIG: undefined,
};

/** What an agent logs once it runs; the second is what it logged before 0.2.0, which `--against` may measure. */
const RUNS = /agent \S+ started|the agent runs/;

/** Settings of every agent here: it connects to nothing by default. */
const ALONE = { API_KEY: "bench", CHOUETTE_HTTP: "off", SEND_SELF_METRICS: "false" };

/**
 * Starts an agent and resolves once it runs.
 *
 * @param {import("../suite/measurement.mjs").Tree} tree
 * @param {Readonly<Record<string, string>>} settings  its environment, beside this process' own
 * @returns {Promise<import("./server.mjs").Server>}
 */
export async function startAgent(tree, settings) {
  const environment = { ...process.env, ...NOTHING_SET, ...ALONE, ...settings };
  const command = join(tree.root, "packages/agent/bin/chouette.js");
  const agent = startServer(process.execPath, [command, "agent"], environment);
  await until("the agent to run", () => RUNS.test(agent.output()) || agent.hasEnded());
  if (agent.hasEnded()) throw new Error(`the agent ended at its start:\n${agent.output()}`);
  return agent;
}

/**
 * Starts an agent with its embedded broker, in a data directory of its own.
 *
 * @param {import("../suite/measurement.mjs").Tree} tree
 * @param {string} folder  where its directory may be
 * @param {Readonly<Record<string, string>>} settings
 * @returns {Promise<import("./server.mjs").Server & { port: number, directory: string }>}
 */
export async function startEmbedded(tree, folder, settings) {
  const directory = await mkdtemp(join(folder, "agent-"));
  const port = await freePort();
  const agent = await startAgent(tree, {
    CHOUETTE_STORAGE_TYPE: "embedded",
    CHOUETTE_DATA_DIR: directory,
    CHOUETTE_LISTEN: `127.0.0.1:${port}`,
    ...settings,
  });
  return {
    ...agent,
    port,
    directory,
    stop: async (signal) => {
      await agent.stop(signal);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
