/**
 * Metrics of HTTP servers: `http.requests`, a count, and `http.request.duration`, a histogram in seconds, by method, route and
 * status class (`2xx`; `aborted` where the client left first).
 *
 * Promises: the route is a template as the program wrote it, never a path as a caller sent it, so that there are no
 * more contexts than routes; what matched no route is `unmatched`. What a program sees of a request stays as it is.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ChouetteClient } from "./client.js";

type Handler<Q, S> = (request: Q, response: S) => unknown;

const UNMATCHED = "unmatched";
/** A caller may send any text as a method. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** What is used of Express' request. */
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
 * Express says which route it took by setting `request.route`, and only then is `request.baseUrl` the one that goes with
 * it: an error handler finds it set back. So the route is read when it is set.
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

/** What is used of Fastify. */
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
  // Fastify's own sign for a plugin that is for the whole server, not for a part.
  return Object.assign(plugin, { [Symbol.for("skip-override")]: true });
}

/**
 * node:http: `createServer(httpMetrics(handler))`.
 * @param routeOf the route's template; without it every request is `unmatched`
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

/** The program's own function: it must not throw into the server. */
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
