/**
 * The agent's HTTP server: /healthz, /readyz, /status and /metrics, all read-only.
 *
 * Promises: it never ends the agent. A port that is in use is a warning that names the setting. It answers requests for its own
 * host names only (`host-names.ts`).
 */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { shownAddress } from "../runtime/address.js";
import type { Log } from "../runtime/log.js";
import { isOwnHost } from "./host-names.js";
import { PROMETHEUS_CONTENT_TYPE, prometheusText } from "./prometheus.js";
import type { Status } from "./status.js";

export interface StatusServerOptions {
  readonly host: string;
  readonly port: number;
  readonly log: Log;
  status(): Promise<Status>;
  /** A sentence for each loop that has hung. */
  stalled(): readonly string[];
}

/** Resolves when it listens, or with undefined if it can't, which is logged. */
export async function startStatusServer({
  host,
  port,
  log,
  ...sources
}: StatusServerOptions): Promise<Server | undefined> {
  const server = createServer((request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") return reply(response, 405, "GET only\n");
    if (!isOwnHost(request.headers.host, [host]))
      return reply(response, 421, "unknown host name: use the agent's IP address\n");
    const [path = ""] = (request.url ?? "").split("?");
    answer(path, response, sources).catch((error) => {
      log.error({ err: error, path }, "status request failed");
      reply(response, 500, "internal error\n");
    });
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  return new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "port in use" : error.message;
      log.warn(
        { listen: `${host}:${port}` },
        `status server not started: ${why}; set CHOUETTE_HTTP to another address, or to off`,
      );
      resolve(undefined);
    });
    server.listen(port, host, () => {
      server.removeAllListeners("error");
      server.on("error", (error) => log.warn({ err: error }, "status server error"));
      // Open connections don't keep the agent from exiting.
      server.unref();
      // The port may be one that the system chose.
      const { address, port } = server.address() as AddressInfo;
      log.info({ listen: shownAddress({ host: address, port }) }, "status server listening");
      resolve(server);
    });
  });
}

async function answer(
  path: string,
  response: ServerResponse,
  { status, stalled }: Pick<StatusServerOptions, "status" | "stalled">,
): Promise<void> {
  switch (path) {
    case "/healthz": {
      const loops = stalled();
      return reply(response, loops.length === 0 ? 200 : 503, `${loops.join("\n") || "ok"}\n`);
    }
    case "/readyz": {
      const { ready } = await status();
      return reply(response, ready.ok ? 200 : 503, ready.ok ? "ready\n" : `${ready.reason}\n`);
    }
    case "/status":
      return reply(response, 200, `${JSON.stringify(await status())}\n`, "application/json");
    case "/metrics":
      return reply(response, 200, prometheusText(await status()), PROMETHEUS_CONTENT_TYPE);
    default:
      return reply(response, 404, "not found; try /healthz, /readyz, /status or /metrics\n");
  }
}

function reply(
  response: ServerResponse,
  code: number,
  body: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(code, { "Content-Type": type, "Cache-Control": "no-store" }).end(body);
}
