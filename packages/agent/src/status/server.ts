/**
 * The agent's HTTP server: /healthz, /readyz, /status and /metrics, to be looked at and nothing else.
 *
 * Promises: it never ends the agent. A port that is taken is a warning with what to set. It answers requests for its own
 * host names only (`host-names.ts`).
 */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { shownAddress } from "../address.js";
import type { Log } from "../log.js";
import { isOwnHost } from "./host-names.js";
import { PROMETHEUS_CONTENT_TYPE, prometheusText } from "./prometheus.js";
import type { Status } from "./status.js";

export interface StatusServerOptions {
  readonly host: string;
  readonly port: number;
  readonly log: Log;
  status(): Promise<Status>;
  /** Loops that have hung, in words. */
  hangs(): readonly string[];
}

/** Resolves when it listens, or with undefined where it can't, which is said. */
export async function startStatusServer({
  host,
  port,
  log,
  ...asked
}: StatusServerOptions): Promise<Server | undefined> {
  const server = createServer((request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") return reply(response, 405, "GET only\n");
    if (!isOwnHost(request.headers.host, [host]))
      return reply(response, 421, "this agent isn't known by that host name: use its IP address\n");
    const [path = ""] = (request.url ?? "").split("?");
    answer(path, response, asked).catch((error) => {
      log.error({ err: error, path }, "a request to the agent's HTTP server failed");
      reply(response, 500, "failed\n");
    });
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  return new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "the port is taken" : error.message;
      log.warn(
        { listen: `${host}:${port}` },
        `no status over HTTP: ${why}; set CHOUETTE_HTTP to another address, or to off`,
      );
      resolve(undefined);
    });
    server.listen(port, host, () => {
      server.removeAllListeners("error");
      server.on("error", (error) => log.warn({ err: error }, "the agent's HTTP server had an error"));
      // What ends the agent doesn't wait for those who look at it.
      server.unref();
      // The port may be one that the system chose.
      const { address, port } = server.address() as AddressInfo;
      log.info({ listen: shownAddress({ host: address, port }) }, "status over HTTP listening");
      resolve(server);
    });
  });
}

async function answer(
  path: string,
  response: ServerResponse,
  { status, hangs }: Pick<StatusServerOptions, "status" | "hangs">,
): Promise<void> {
  switch (path) {
    case "/healthz": {
      const hung = hangs();
      return reply(response, hung.length === 0 ? 200 : 503, `${hung.join("\n") || "ok"}\n`);
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
      return reply(response, 404, "there are /healthz, /readyz, /status and /metrics\n");
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
