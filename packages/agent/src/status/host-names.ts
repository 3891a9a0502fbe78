/**
 * Checks the host name of requests to the agent's HTTP server.
 *
 * A web page can make its own name resolve to 127.0.0.1 and then read the agent's responses in a visitor's browser (DNS
 * rebinding). Such requests contain that name, so names that anybody can register are refused.
 */
import { isIP } from "node:net";
import { hostname } from "node:os";

/** Top-level names that aren't in the public DNS: RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`, Kubernetes' `svc`. */
const PRIVATE_TOP_LEVEL = new Set(["localhost", "local", "internal", "svc", "lan", "home", "test"]);

/**
 * @param header the request's Host, with or without a port; undefined in HTTP/1.0, which browsers don't use
 * @param ownNames of the server, besides the system's host name
 */
export function isOwnHost(header: string | undefined, ownNames: readonly string[]): boolean {
  if (header === undefined) return true;
  const name = withoutPort(header).toLowerCase().replace(/\.$/, "");
  if (isIP(name) > 0) return true;
  const labels = name.split(".");
  if (labels.length === 1 || PRIVATE_TOP_LEVEL.has(labels.at(-1) ?? "")) return true;
  if (name.endsWith(".home.arpa")) return true;
  return [hostname(), ...ownNames].some((own) => own.toLowerCase() === name);
}

/** `name:port`, `[::1]:port` and either without a port. */
function withoutPort(header: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(header.trim());
  return bracketed?.[1] ?? header.trim().replace(/:\d+$/, "");
}
