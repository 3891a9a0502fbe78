/** Chooses the proxy for a request: HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
import { BlockList, isIP } from "node:net";
import { bareHost } from "../runtime/address.js";

export interface Proxies {
  /** The proxy for `http://` addresses, as a URL, with or without user and password. */
  readonly http: string | undefined;
  /** The proxy for `https://` addresses. */
  readonly https: string | undefined;
  /** Hosts to connect to without a proxy, separated by commas or spaces; `*` for all. */
  readonly except: string | undefined;
}

/** The proxy for this address; undefined for none. */
export function proxyFor(url: URL, { http, https, except = "" }: Proxies): URL | undefined {
  const proxy = url.protocol === "https:" ? https : http;
  if (proxy === undefined || proxy === "") return undefined;
  const exceptions = except.split(/[\s,]+/).filter((exception) => exception !== "");
  if (exceptions.some((exception) => isExcepted(url, exception.toLowerCase()))) return undefined;
  return new URL(proxy.includes("://") ? proxy : `http://${proxy}`);
}

/** As with curl and Go, an exception is a name or an address, with or without a port, or a network in CIDR notation. */
function isExcepted(url: URL, exception: string): boolean {
  if (exception === "*") return true;
  const host = withoutDot(bareHost(url));
  if (exception.includes("/")) return isInNetwork(host, exception);
  const { name, port } = hostAndPort(exception);
  if (port !== undefined && port !== portOf(url)) return false;
  if (isIP(name) !== 0) return isInNetwork(host, `${name}/${isIP(name) === 6 ? 128 : 32}`);
  // `example.org` and `.example.org` match the host and its subdomains.
  const domain = withoutDot(name.replace(/^\*?\./, ""));
  return host === domain || host.endsWith(`.${domain}`);
}

/** `host`, `host:port`, `[IPv6]`, `[IPv6]:port`, or an IPv6 address alone. */
function hostAndPort(exception: string): { readonly name: string; readonly port: string | undefined } {
  if (isIP(exception) !== 0) return { name: exception, port: undefined };
  const [, bracketed, plain = "", port] = /^(?:\[(.*)\]|(.*?))(?::(\d+))?$/.exec(exception) ?? [];
  return { name: bracketed ?? plain, port };
}

/** False for an invalid network. */
function isInNetwork(host: string, network: string): boolean {
  const [address = "", prefix = ""] = network.split("/");
  const family = isIP(address);
  if (family === 0 || isIP(host) === 0) return false;
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > (family === 6 ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(address, Number(prefix), family === 6 ? "ipv6" : "ipv4");
  return list.check(host, isIP(host) === 6 ? "ipv6" : "ipv4");
}

function portOf({ port, protocol }: URL): string {
  return port === "" ? ({ "http:": "80", "https:": "443" }[protocol] ?? "") : port;
}

/** A fully qualified name may end in a dot. */
function withoutDot(name: string): string {
  return name.replace(/\.$/, "");
}
