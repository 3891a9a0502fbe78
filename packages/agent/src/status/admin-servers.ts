/** The servers through which people inspect a running agent: HTTP and the control socket. Also takes the samples of its history. */
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

/** @param loadDashboard called with the first request for it */
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
    const { store, queues, clock } = source;
    const path = controlSocket(settings.dataDirectory);
    servers.push(
      startControl(path, log, {
        queue: (asked) => askQueues(store, queues, asked, toSeconds(clock.now())),
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

/** The first call's result for every call; a failed one is tried again. */
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
