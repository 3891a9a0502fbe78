/**
 * The agent's HTTP server: /healthz, /readyz, /status, /metrics and the dashboard, all read-only.
 *
 * Promises: it can't crash the agent. If its port is in use, a warning names the setting. It answers only requests for its own
 * host names (`host-names.ts`) that are permitted (`access.ts`). The dashboard is loaded with the first request for it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { shownAddress } from "../runtime/address.js";
import type { Log } from "../runtime/log.js";
import { type Access, accessTo, LOGIN } from "./access.js";
import { isOwnHost } from "./host-names.js";
import { PROMETHEUS_CONTENT_TYPE, prometheusText } from "./prometheus.js";
import type { Status } from "./status.js";

export interface StatusServerOptions {
  readonly host: string;
  readonly port: number;
  readonly log: Log;
  /** CHOUETTE_HTTP_TOKEN. */
  readonly token: string | undefined;
  status(): Promise<Status>;
  /** A sentence for each loop that has hung. */
  stalled(): readonly string[];
  /** Loads the handler of all other paths. */
  dashboard(): Promise<Routes>;
}

/** Answers a permitted request. Resolves with false for an unknown path. */
export type Routes = (request: IncomingMessage, response: ServerResponse, path: string) => Promise<boolean>;

/** Resolves when it listens. If it can't, that is logged, and it resolves with undefined. */
export async function startStatusServer({
  host,
  port,
  log,
  ...sources
}: StatusServerOptions): Promise<Server | undefined> {
  const server = createServer((request, response) => {
    const { method } = request;
    if (!isOwnHost(request.headers.host, [host]))
      return reply(response, 421, "unknown host name: use the agent's IP address\n");
    const [path = ""] = (request.url ?? "").split("?");
    // The login form changes only the browser's cookie.
    if (method !== "GET" && method !== "HEAD" && !(method === "POST" && path === LOGIN))
      return reply(response, 405, "GET only\n");
    answer(request, response, path, sources).catch((error) => {
      log.error({ err: error, path }, "status request failed");
      if (response.headersSent) response.destroy();
      else reply(response, 500, "internal error\n");
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
      // Open connections don't keep the process alive.
      server.unref();
      // The port may be one that the system chose.
      const { address, port } = server.address() as AddressInfo;
      log.info({ listen: shownAddress({ host: address, port }) }, "status server listening");
      resolve(server);
    });
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  {
    status,
    stalled,
    token,
    dashboard,
  }: Pick<StatusServerOptions, "status" | "stalled" | "token" | "dashboard">,
): Promise<void> {
  const access = accessTo(path, request, token);
  if (access !== "granted") return refuse(request, response, access);
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
    default: {
      const routes = await dashboard();
      if (await routes(request, response, path)) return;
      return reply(response, 404, "not found; try /, /healthz, /readyz, /status or /metrics\n");
    }
  }
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  access: Exclude<Access, "granted">,
): void {
  if (access === "loopback-only") {
    const advice = "set CHOUETTE_HTTP_TOKEN to see the dashboard from elsewhere, or use an SSH tunnel";
    reply(response, 403, `only for this device: ${advice}\n`);
    return;
  }
  // A browser gets the login page, a program the scheme.
  if ((request.headers.accept ?? "").includes("text/html")) {
    response.writeHead(303, { Location: LOGIN, "Cache-Control": "no-store" }).end();
    return;
  }
  response.setHeader("WWW-Authenticate", "Bearer");
  reply(response, 401, "unauthorized: send CHOUETTE_HTTP_TOKEN as a bearer token\n");
}

function reply(
  response: ServerResponse,
  code: number,
  body: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(code, { "Content-Type": type, "Cache-Control": "no-store" }).end(body);
}
