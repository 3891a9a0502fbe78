/** Which proxy a request goes through: the settings' HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */

export interface Proxies {
  /** The proxy for `http://` addresses, as a URL; user and password may be in it. */
  readonly http: string | undefined;
  /** The proxy for `https://` addresses. */
  readonly https: string | undefined;
  /** Hosts that are reached without one, with commas or spaces between them; `*` is all. */
  readonly except: string | undefined;
}

/** The proxy to this address; undefined where it is reached without one. */
export function proxyFor(url: URL, { http, https, except = "" }: Proxies): URL | undefined {
  const proxy = url.protocol === "https:" ? https : http;
  if (proxy === undefined || proxy === "") return undefined;
  const exceptions = except.split(/[\s,]+/).filter((exception) => exception !== "");
  if (exceptions.some((exception) => isExcepted(url, exception))) return undefined;
  return new URL(proxy.includes("://") ? proxy : `http://${proxy}`);
}

/** `example.org` and `.example.org` stand for the host and all below it, as with curl; a port narrows them to it. */
function isExcepted({ hostname, port, protocol }: URL, exception: string): boolean {
  if (exception === "*") return true;
  const [, name = "", exceptedPort] = /^(.*?)(?::(\d+))?$/.exec(exception.toLowerCase()) ?? [];
  const actualPort = port === "" ? { "http:": "80", "https:": "443" }[protocol] : port;
  if (exceptedPort !== undefined && exceptedPort !== actualPort) return false;
  const domain = name.replace(/^\*?\./, "");
  return hostname === domain || hostname.endsWith(`.${domain}`);
}
