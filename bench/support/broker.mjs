/** A broker of either kind that keeps its records: nothing removes them during the measurement. */

import { startEmbedded } from "./agent.mjs";
import { connectTo } from "./driver.mjs";
import { startRedis } from "./redis.mjs";

/** @typedef {"redis" | "embedded"} Kind */

/** @type {readonly Kind[]} */
export const KINDS = ["redis", "embedded"];

/** @type {Readonly<Record<Kind, string>>} */
export const BROKERS = { redis: "redis-server", embedded: "the embedded broker" };

const QUEUE = "chouette:metrics:raw";
/** The agent flushes once an hour, and windows stay open for another, so it only stores. */
const STORES_ONLY = {
  AGGREGATE_INTERVAL: "3600",
  AGGREGATE_GRACE: "3600",
  DATADOG_URL: "http://127.0.0.1:9/api",
};

/**
 * @param {Kind} kind
 * @param {import("../suite/measurement.mjs").Tree} tree  whose agent
 * @param {string} folder
 */
export async function startBroker(kind, tree, folder) {
  const server = kind === "redis" ? await startRedis(folder) : await startEmbedded(tree, folder, STORES_ONLY);
  const driver = await connectTo(server.port);
  return {
    ...server,
    /**
     * Throws if the broker doesn't hold so many records, each with its value.
     *
     * @param {number} records
     * @param {{ part?: number }} [least]  the part that must be there, where ids are random
     */
    mustHold: async (records, { part = 1 } = {}) => {
      const isRight = (held) => held <= records && held >= records * part;
      const ids = await driver.sendCommand(["ZCARD", `${QUEUE}.keys`]);
      const values = await driver.sendCommand(["HLEN", `${QUEUE}.values`]);
      if (!isRight(ids) || !isRight(values)) {
        throw new Error(`${BROKERS[kind]} holds ${ids} ids and ${values} values of ${records} records`);
      }
    },
    stop: async () => {
      driver.destroy();
      await server.stop("SIGKILL");
    },
  };
}
