/**
 * Metrics of HTTP servers: `http.requests`, a count, and `http.request.duration`, a histogram in seconds, by method, route and
 * status class (`2xx`; `aborted` if the caller disconnected first).
 *
 * Promises: the route is the program's template, never the requested path, so there are no more contexts than routes;
 * requests that match no route are `unmatched`. The request looks the same to the program.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ChouetteClient } from "./client.js";

type Handler<Q, S> = (request: Q, response: S) => unknown;

const UNMATCHED = "unmatched";
/** Any other method is `other`, since callers can send any text. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** The used part of Express' request. */
interface ExpressRequest extends IncomingMessage {
  readonly baseUrl?: string;
}

/** Express: `app.use(expressMetrics())`, before the routes. */
export function expressMetrics(client: ChouetteClient = ChouetteClient.default) {
  return (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    const routeOf = watchRoute(request);
    observe(client, request, response, () => routeOf() ?? UNMATCHED);
    next();
  };
}

/**
 * Express sets `request.route` when it has found the route. Only at that moment is `request.baseUrl` the matching one: error
 * handlers see it reset. So the template is read when the route is set.
 */
function watchRoute(request: ExpressRequest): () => string | undefined {
  let route: { readonly path?: unknown } | undefined;
  let template: string | undefined;
  Object.defineProperty(request, "route", {
    configurable: true,
    enumerable: true,
    get: () => route,
    set: (taken: typeof route) => {
      route = taken;
      template = `${request.baseUrl ?? ""}${String(taken?.path ?? "")}`;
    },
  });
  return () => template;
}

/** The used part of Fastify. */
interface FastifyLike {
  addHook(name: "onRequest", hook: FastifyHook): unknown;
}
type FastifyHook = (
  request: { readonly raw: IncomingMessage; readonly routeOptions?: { readonly url?: string | undefined } },
  reply: { readonly raw: ServerResponse },
  done: () => void,
) => void;

/** Fastify: `app.register(fastifyMetrics())`, before the routes. */
export function fastifyMetrics(client: ChouetteClient = ChouetteClient.default) {
  const plugin = (fastify: FastifyLike, _options: object, done: () => void): void => {
    fastify.addHook("onRequest", (request, reply, next) => {
      observe(client, request.raw, reply.raw, () => request.routeOptions?.url ?? UNMATCHED);
      next();
    });
    done();
  };
  // Fastify's marker for a plugin that applies to the whole server.
  return Object.assign(plugin, { [Symbol.for("skip-override")]: true });
}

/**
 * node:http: `createServer(httpMetrics(handler))`.
 * @param routeOf returns the route's template; by default every request is `unmatched`
 */
export function httpMetrics<Q extends IncomingMessage, S extends ServerResponse>(
  handler: Handler<Q, S>,
  routeOf: (request: Q) => string | undefined = () => undefined,
  client: ChouetteClient = ChouetteClient.default,
): Handler<Q, S> {
  return (request, response) => {
    observe(client, request, response, () => routeOf(request) ?? UNMATCHED);
    return handler(request, response);
  };
}

/** Calls the program's function, whose exceptions must not reach the server. */
function readRoute(routeOf: () => string): string {
  try {
    return routeOf();
  } catch {
    return UNMATCHED;
  }
}

function observe(
  client: ChouetteClient,
  { method = "" }: IncomingMessage,
  response: ServerResponse,
  routeOf: () => string,
): void {
  const begun = performance.now();
  response.once("close", () => {
    const seconds = (performance.now() - begun) / 1000;
    const tags = {
      method: METHODS.has(method) ? method : "other",
      route: readRoute(routeOf),
      status_class: response.writableFinished ? `${Math.floor(response.statusCode / 100)}xx` : "aborted",
    };
    client.increment("http.requests", 1, { tags });
    client.histogram("http.request.duration", seconds, { tags });
  });
}
