/**
 * Creates single connections to a Redis server. They never reconnect: `checked-connection.ts` opens a new one.
 *
 * Promises: without a connection, a command rejects immediately instead of being queued. If a connection breaks, the
 * commands in flight reject, and may or may not have been executed.
 */
import { milliseconds } from "@chouette-iot/record";
import { createClient } from "@redis/client";
import { type BrokerAddress, DEFAULT_ADDRESS, parseAddress } from "../resp/address.js";

export interface RedisAddress {
  /**
   * `redis://` or `rediss://`, optionally with user, password and database; or `redis+sentinel://`. Takes precedence over
   * host and port.
   */
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

export interface ConnectionEvents {
  /** @param server host and port */
  onConnected?(server: string): void;
  /** Also called for every failed attempt: it may be called several times in a row. */
  onDisconnected?(error: Error): void;
}

export type RedisConnection = ReturnType<typeof newConnection>;

const CONNECT_TIMEOUT = milliseconds(5_000);
/** When to drop a server that accepts the connection and sends nothing. */
const SILENCE_TIMEOUT = milliseconds(15_000);
/** Node's longest delay in milliseconds. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The address, with defaults for host and port. Throws if the URL is invalid. */
export function parsedAddress({ url, host, port }: RedisAddress): BrokerAddress {
  if (url !== undefined) return parseAddress(url);
  return { ...DEFAULT_ADDRESS, host: host ?? DEFAULT_ADDRESS.host, port: port ?? DEFAULT_ADDRESS.port };
}

/** A connection that ends if the server sends nothing for 15 s. It must still be connected. */
export function watchedConnection(address: BrokerAddress): RedisConnection {
  return newConnection(address, { socketTimeout: SILENCE_TIMEOUT });
}

/** Keeps the process alive until the promise settles: the sockets to Sentinels don't. */
export async function whileHeld<T>(asking: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, MAX_DELAY_MS);
  try {
    return await asking;
  } finally {
    clearInterval(timer);
  }
}

/** @param address the server's own, not that of Sentinels */
export function newConnection(
  { host, port, tls, username, password, database }: BrokerAddress,
  socket: { readonly socketTimeout?: number } = {},
) {
  return createClient({
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    database,
    // Servers older than Redis 6 know only RESP2.
    RESP: 2,
    disableOfflineQueue: true,
    socket: {
      host,
      port,
      // Explicit: otherwise NODE_TLS_REJECT_UNAUTHORIZED=0 could send the password to an unverified server.
      ...(tls === undefined ? {} : { rejectUnauthorized: true, ...tls, tls: true }),
      connectTimeout: CONNECT_TIMEOUT,
      reconnectStrategy: false,
      ...socket,
    },
  });
}
