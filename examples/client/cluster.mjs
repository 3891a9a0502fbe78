/**
 * Cluster: each worker has its own client. A worker that is asked to end by `worker.disconnect()` sends what it has. Run the
 * agent, then:
 *
 *   npm run build && node examples/client/cluster.mjs
 */
import cluster from "node:cluster";
import { ChouetteClient } from "chouette-iot-client";

if (cluster.isPrimary) {
  for (const part of ["a", "b"]) cluster.fork({ PART: part });
  cluster.on("message", (worker) => worker.disconnect());
} else {
  ChouetteClient.increment("jobs.done", 1, { tags: { part: process.env.PART } });
  process.send("done");
}
