/** The running agent, open to be looked at: HTTP, the control socket, and the looks that rates are made of. */
import { once } from "node:events";
import type { Server } from "node:http";
import { milliseconds, toSeconds } from "@chouette-iot/record";
import type { Log } from "../log.js";
import { controlSocket, startControl } from "./control.js";
import { askQueues } from "./queue-requests.js";
import { startStatusServer } from "./server.js";
import { readStatus, type StatusSource } from "./status.js";

const LOOK_INTERVAL = milliseconds(10_000);

export interface Operation {
  close(): Promise<void>;
}

export async function startOperation(source: StatusSource, log: Log): Promise<Operation> {
  const { settings, storage } = source.config();
  const servers: Server[] = [];
  const ending = new AbortController();
  let looking = Promise.resolve();
  if (settings.http !== "off") {
    const { hangs } = source;
    const status = () => readStatus(source);
    const server = await startStatusServer({ ...settings.http, log, status, hangs });
    if (server !== undefined) servers.push(server);
    looking = measureRates(source, ending.signal);
  }
  if (storage === "embedded") {
    const { store, queues, clock } = source;
    const path = controlSocket(settings.dataDirectory);
    servers.push(startControl(path, log, (asked) => askQueues(store, queues, asked, toSeconds(clock.now()))));
  }
  return {
    close: async () => {
      ending.abort();
      await Promise.all([looking, ...servers.map(closed)]);
    },
  };
}

async function measureRates({ look, clock, rates }: StatusSource, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // A store that is out is said by those who work on it; the rates are then over a longer time.
    const found = await look().catch(() => undefined);
    if (found !== undefined) rates.add(clock.monotonic(), found.queues);
    await clock.sleep(LOOK_INTERVAL, signal);
  }
}

async function closed(server: Server): Promise<void> {
  if (!server.listening) return;
  const end = once(server, "close");
  server.close();
  server.closeAllConnections();
  await end;
}
