/**
 * Redis Sentinels as an address: the servers to ask, and the name of the master that they watch.
 *
 *   redis+sentinel://[user[:password]@]host[:port][,host[:port]…][/master[/database]][?sentinel_username=…&sentinel_password=…]
 *   rediss+sentinel://…   the same with TLS, to the Sentinels as well
 *
 * User, password and database are those of the Redis servers. Sentinels have a separate login, or none.
 */
import { URLSearchParams } from "node:url";
import { databaseOf, decodePart, wrongUrl } from "./url-parts.js";

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export interface Sentinels {
  /** Asked in turn. */
  readonly servers: readonly ServerAddress[];
  /** The master's name in their configuration. */
  readonly master: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** The parts of such a URL. */
export interface SentinelUrl {
  readonly sentinels: Sentinels;
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
}

/** The name in Redis' example sentinel.conf. */
export const DEFAULT_MASTER = "mymaster";
const SENTINEL_PORT = 26_379;
const URL_PARTS =
  /^redis(s?)\+sentinel:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^@/?#]+)(?:\/([^/?#]*)(?:\/([^/?#]*))?)?(?:\?([^#]*))?$/;
const PARAMETERS: ReadonlySet<string> = new Set(["sentinel_username", "sentinel_password"]);

export function isSentinelUrl(text: string): boolean {
  return /^rediss?\+sentinel:/.test(text);
}

/** Parses such a URL. Throws if it is invalid, without quoting it. */
export function parseSentinelUrl(text: string): SentinelUrl {
  const parts = URL_PARTS.exec(text);
  if (parts === null) throw wrongUrl("is not like redis+sentinel://host:port,host:port/master");
  const [, tls = "", username = "", password = "", hosts = "", master = "", database = "", query] = parts;
  const servers = parseServers(hosts);
  if (servers === undefined) throw wrongUrl("has a Sentinel that is not host:port");
  const parameters = new URLSearchParams(query);
  // A typo in the password's parameter would be hard to find otherwise.
  if ([...parameters.keys()].some((name) => !PARAMETERS.has(name)))
    throw wrongUrl(`has an unknown parameter: there are ${[...PARAMETERS].join(" and ")}`);
  return {
    sentinels: {
      servers,
      master: decodePart(master) || DEFAULT_MASTER,
      username: parameters.get("sentinel_username") || undefined,
      password: parameters.get("sentinel_password") || undefined,
    },
    isTls: tls !== "",
    username: decodePart(username) || undefined,
    password: decodePart(password) || undefined,
    database: databaseOf(database),
  };
}

/** Parses a comma-separated list of `host[:port]`, IPv6 in brackets. Undefined if one is invalid. */
export function parseServers(text: string): readonly ServerAddress[] | undefined {
  const servers: ServerAddress[] = [];
  for (const item of text.split(",")) {
    const [, ipv6, name = "", port = `${SENTINEL_PORT}`] =
      /^\s*(?:\[([\da-f:.]+)\]|([^\s:[\]/@]+))(?::(\d{1,5}))?\s*$/i.exec(item) ?? [];
    const server = { host: ipv6 ?? name, port: Number(port) };
    if (server.host === "" || server.port < 1 || server.port > 65_535) return undefined;
    servers.push(server);
  }
  return servers;
}

/** The URL of Sentinels without a login. @param servers `host[:port]` of each */
export function sentinelUrl(servers: readonly string[], master: string): string {
  return `redis+sentinel://${servers.join(",")}/${encodeURIComponent(master)}`;
}

export function serverText({ host, port }: ServerAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
