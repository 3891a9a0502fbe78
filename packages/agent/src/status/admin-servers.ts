/** The servers through which people inspect a running agent: HTTP and the control socket. Also measures the queues' rates. */
import { once } from "node:events";
import type { Server } from "node:http";
import { milliseconds, toSeconds } from "@chouette-iot/record";
import type { Log } from "../runtime/log.js";
import { controlSocket, startControl } from "./control.js";
import { startStatusServer } from "./http-server.js";
import { askQueues } from "./queue-requests.js";
import { readStatus, type StatusSource } from "./status.js";

const SNAPSHOT_INTERVAL = milliseconds(10_000);

export interface AdminServers {
  close(): Promise<void>;
}

export async function startAdminServers(source: StatusSource, log: Log): Promise<AdminServers> {
  const { settings, storage } = source.config();
  const servers: Server[] = [];
  const ending = new AbortController();
  let measuring = Promise.resolve();
  if (settings.http !== "off") {
    const { stalled } = source;
    const status = () => readStatus(source);
    const server = await startStatusServer({ ...settings.http, log, status, stalled });
    if (server !== undefined) servers.push(server);
    measuring = measureRates(source, ending.signal);
  }
  if (storage === "embedded") {
    const { store, queues, clock } = source;
    const path = controlSocket(settings.dataDirectory);
    servers.push(startControl(path, log, (asked) => askQueues(store, queues, asked, toSeconds(clock.now()))));
  }
  return {
    close: async () => {
      ending.abort();
      await Promise.all([measuring, ...servers.map(close)]);
    },
  };
}

async function measureRates({ snapshot, clock, rates }: StatusSource, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // The loops report an unavailable store; the rates then cover a longer time.
    const found = await snapshot().catch(() => undefined);
    if (found !== undefined) rates.add(clock.monotonic(), found.queues);
    await clock.sleep(SNAPSHOT_INTERVAL, signal);
  }
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const end = once(server, "close");
  server.close();
  server.closeAllConnections();
  await end;
}
