/** A redis-server without persistence, on a free loopback port, with its own folder. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { freePort, startServer } from "./server.mjs";
import { until } from "./until.mjs";

/**
 * @param {string} folder  where its own may be
 * @param {readonly string[]} [settings]  such as ["--appendonly", "yes"]
 * @returns {Promise<import("./server.mjs").Server & { port: number, url: string }>}
 */
export async function startRedis(folder, settings = []) {
  const port = await freePort();
  const own = await mkdtemp(join(folder, "redis-"));
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", own, "--save", "", ...settings];
  const server = startServer("redis-server", args);
  await until("redis-server to start", () => server.output().includes("Ready to accept connections"));
  return {
    ...server,
    port,
    url: `redis://127.0.0.1:${port}`,
    stop: async () => {
      await server.stop("SIGKILL");
      await rm(own, { recursive: true, force: true });
    },
  };
}
