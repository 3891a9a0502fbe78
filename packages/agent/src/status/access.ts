/**
 * Access control of the HTTP server.
 *
 * - /healthz and /readyz: everybody, since probes have no token.
 * - /status and /metrics: everybody, unless there is a token.
 * - everything else shows records: this device only, unless there is a token.
 *
 * With CHOUETTE_HTTP_TOKEN, every request needs it, also from this device: behind a proxy, all requests seem to be local.
 * Promises: comparisons take constant time. The cookie isn't the token, and the token can't be derived from it.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isLoopback } from "../runtime/address.js";

export type Access = "granted" | "unauthorized" | "loopback-only";

/** The page on which the token is entered. */
export const LOGIN = "/login";
export const SESSION_COOKIE = "chouette_session";

const PROBES: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);
const FIGURES: ReadonlySet<string> = new Set(["/status", "/metrics"]);

export function accessTo(
  path: string,
  request: Pick<IncomingMessage, "headers" | "socket">,
  token: string | undefined,
): Access {
  if (PROBES.has(path)) return "granted";
  if (token !== undefined) {
    // The login page and its style sheet contain no data of the agent.
    const isPublic = path === LOGIN || path === "/page.css";
    return isPublic || hasToken(request.headers, token) ? "granted" : "unauthorized";
  }
  return FIGURES.has(path) || isLocal(request) ? "granted" : "loopback-only";
}

/** Whether this is the token. */
export function isToken(candidate: string, token: string): boolean {
  // Digests have the same length.
  return timingSafeEqual(digest(candidate, token), digest(token, token));
}

/** The value of the cookie of somebody who knows the token. It is valid until the token changes. */
export function sessionOf(token: string): string {
  return digest("dashboard session", token).toString("base64url");
}

function hasToken({ authorization, cookie }: IncomingMessage["headers"], token: string): boolean {
  const bearer = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
  if (bearer !== undefined) return isToken(bearer, token);
  const session = cookieOf(cookie ?? "", SESSION_COOKIE);
  const expected = sessionOf(token);
  return session !== undefined && timingSafeEqual(digest(session, token), digest(expected, token));
}

function cookieOf(header: string, name: string): string | undefined {
  const pairs = header.split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** A request through a proxy on this device isn't local. */
function isLocal({ headers, socket }: Pick<IncomingMessage, "headers" | "socket">): boolean {
  const isForwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"].some((name) => name in headers);
  return !isForwarded && isLoopback(socket.remoteAddress);
}

function digest(text: string, token: string): Buffer {
  return createHmac("sha256", token).update(text).digest();
}
