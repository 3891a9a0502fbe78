/**
 * The address of a broker and its login, parsed from a URL.
 *
 *   redis://[user[:password]@]host[:port][/database]
 *   rediss://…   the same with TLS
 *   unix://[user[:password]@]/path/to/socket[?db=database]
 *   redis+sentinel://…   the master that Sentinels name: see `sentinel-address.ts`
 *
 * Special characters in user and password are percent-encoded, as by `encodeURIComponent`. Errors never quote the URL.
 */
import { URL, URLSearchParams } from "node:url";
import { isSentinelUrl, parseSentinelUrl, type Sentinels, serverText } from "./sentinel-address.js";
import { databaseOf, decodePart, wrongUrl } from "./url-parts.js";

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket, instead of host and port. */
  readonly path: string | undefined;
  /** Sentinels that know the master's host and port, instead of those here. */
  readonly sentinels: Sentinels | undefined;
  /** Connects with TLS if defined. */
  readonly tls: TlsSettings | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
}

/** Certificates and keys in PEM. */
export interface TlsSettings {
  /** Certificates of the authorities to trust, instead of Node's own. */
  readonly ca?: string | Buffer | (string | Buffer)[];
  /** The client's certificate. */
  readonly cert?: string | Buffer;
  /** The client's private key. */
  readonly key?: string | Buffer;
  /** The name that the server's certificate must have; the host by default. */
  readonly servername?: string;
}

export const DEFAULT_ADDRESS: BrokerAddress = {
  host: "127.0.0.1",
  port: 6379,
  path: undefined,
  sentinels: undefined,
  tls: undefined,
  username: undefined,
  password: undefined,
  database: 0,
};

/** The address for messages, without login and database. */
export function addressText({ host, port, path, sentinels }: BrokerAddress): string {
  if (path !== undefined) return path;
  if (sentinels === undefined) return serverText({ host, port });
  return `${sentinels.master} (Sentinels ${sentinels.servers.map(serverText).join(", ")})`;
}

/** Parses a URL. Throws if it is invalid, without quoting it. */
export function parseAddress(text: string): BrokerAddress {
  if (text.startsWith("unix:")) return parseSocketUrl(text);
  if (!isSentinelUrl(text)) return parseServerUrl(text);
  const { isTls, ...address } = parseSentinelUrl(text);
  return { ...DEFAULT_ADDRESS, ...address, tls: isTls ? {} : undefined };
}

function parseServerUrl(text: string): BrokerAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined)
    throw wrongUrl("is no URL: special characters in its password must be percent-encoded");
  const { protocol, hostname, port, pathname, username, password } = url;
  if (protocol !== "redis:" && protocol !== "rediss:") throw wrongUrl("has an unknown protocol");
  return {
    ...DEFAULT_ADDRESS,
    host: decodePart(hostname.replace(/^\[(.*)\]$/, "$1")) || DEFAULT_ADDRESS.host,
    port: port === "" ? DEFAULT_ADDRESS.port : Number(port),
    tls: protocol === "rediss:" ? {} : undefined,
    username: decodePart(username) || undefined,
    password: decodePart(password) || undefined,
    database: databaseOf(pathname.slice(1)),
  };
}

function parseSocketUrl(text: string): BrokerAddress {
  const parts = /^unix:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?(\/[^?#]*)(?:\?([^#]*))?$/.exec(text);
  if (parts === null) throw wrongUrl("is no path of a Unix socket: unix:///path/to/socket");
  const [, username = "", password = "", path = "", query] = parts;
  return {
    ...DEFAULT_ADDRESS,
    path: decodePart(path),
    username: decodePart(username) || undefined,
    password: decodePart(password) || undefined,
    database: databaseOf(new URLSearchParams(query).get("db") ?? ""),
  };
}
