/** The servers with which people inspect a running agent: HTTP and the control socket. With HTTP, samples are taken, too. */
import { once as onceEmitted } from "node:events";
import type { Server } from "node:http";
import { toSeconds } from "@chouette-iot/record";
import type { Log } from "../runtime/log.js";
import { controlSocket, startControl } from "./control.js";
import { type Routes, startStatusServer } from "./http-server.js";
import { askQueues } from "./queue-requests.js";
import { runSampler, type SampledSource } from "./sampler.js";
import { readStatus } from "./status.js";

export interface AdminServers {
  close(): Promise<void>;
}

/** Never rejects because of a port or socket that is in use. @param loadDashboard called with the first request for it */
export async function startAdminServers(
  source: SampledSource,
  log: Log,
  loadDashboard: () => Promise<Routes>,
): Promise<AdminServers> {
  const { settings, storage } = source.config();
  const servers: Server[] = [];
  const ending = new AbortController();
  let sampling = Promise.resolve();
  if (settings.http !== "off") {
    const { stalled } = source;
    const status = () => readStatus(source);
    const { httpToken: token } = settings;
    const server = await startStatusServer({
      ...settings.http,
      ...{ token, log, status, stalled, dashboard: once(loadDashboard) },
    });
    if (server !== undefined) servers.push(server);
    sampling = runSampler(source, ending.signal);
  }
  if (storage === "embedded") {
    const { clock } = source;
    const path = controlSocket(settings.dataDirectory);
    servers.push(
      startControl(path, log, {
        queue: (asked) => askQueues(source.shards(), asked, toSeconds(clock.now())),
        status: () => readStatus(source),
      }),
    );
  }
  return {
    close: async () => {
      ending.abort();
      await Promise.all([sampling, ...servers.map(close)]);
    },
  };
}

/** Returns the first result for every call. A failed call is repeated. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => {
    loaded ??= load().catch((error) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const end = onceEmitted(server, "close");
  server.close();
  server.closeAllConnections();
  await end;
}
