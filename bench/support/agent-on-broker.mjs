/** An agent with an empty broker of either kind. */
import { startAgent, startEmbedded } from "./agent.mjs";
import { startRedis } from "./redis.mjs";

/**
 * @param {"redis" | "embedded"} broker
 * @param {import("../suite/measurement.mjs").Tree} tree
 * @param {string} folder  where the broker's may be
 * @param {Readonly<Record<string, string>>} settings  of the agent
 * @returns {Promise<import("./server.mjs").Server & { port: number }>} the agent's process; port: the broker's
 */
export async function startAgentOn(broker, tree, folder, settings) {
  if (broker === "embedded") return startEmbedded(tree, folder, settings);
  const redis = await startRedis(folder);
  const agent = await startAgent(tree, { REDIS_URL: redis.url, ...settings });
  return {
    ...agent,
    port: redis.port,
    stop: async () => {
      await agent.stop();
      await redis.stop();
    },
  };
}
