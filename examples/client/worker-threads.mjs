/**
 * Worker threads: each thread has its own default client, and sends what it has before it ends. Run the agent, then:
 *
 *   npm run build && node examples/client/worker-threads.mjs
 */
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { ChouetteClient } from "chouette-iot-client";

if (isMainThread) {
  for (const part of ["a", "b"]) new Worker(new URL(import.meta.url), { workerData: { part } });
  ChouetteClient.increment("jobs.started", 2);
} else {
  ChouetteClient.increment("jobs.done", 1, { tags: { part: workerData.part } });
}
