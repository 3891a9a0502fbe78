/**
 * Connections to a Redis server, as they are configured: each is made once and never again, for those who must know exactly
 * which connection carried what. `checked-connection.ts` makes another one.
 *
 * Promises: while it is down a command is rejected immediately, not held. A broken connection loses the answers of
 * commands that were under way: whether those were carried out is not known.
 */
import { milliseconds } from "@chouette-iot/record";
import { createClient } from "@redis/client";
import { type BrokerAddress, DEFAULT_ADDRESS, parseAddress } from "../resp/address.js";

export interface RedisAddress {
  /**
   * `redis://` or `rediss://`, with user, password and database if they are needed; or `redis+sentinel://`. Takes precedence
   * over host and port.
   */
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

export interface ConnectionEvents {
  /** @param server the host and port that it is connected to */
  onConnected?(server: string): void;
  /** Called for every failed attempt, too: count the changes, not the calls. */
  onDisconnected?(error: Error): void;
}

export type RedisConnection = ReturnType<typeof newConnection>;

const CONNECT_TIMEOUT = milliseconds(5_000);
/** A server that accepts a connection and says nothing is given up after this long. */
const SILENCE_TIMEOUT = milliseconds(15_000);
/** Node's limit of a delay in milliseconds. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Throws if the URL is wrong. */
export function parsedAddress({ url, host, port }: RedisAddress): BrokerAddress {
  if (url !== undefined) return parseAddress(url);
  return { ...DEFAULT_ADDRESS, host: host ?? DEFAULT_ADDRESS.host, port: port ?? DEFAULT_ADDRESS.port };
}

/** A connection that is given up if the server says nothing for 15 s. Not yet connecting. */
export function watchedConnection(address: BrokerAddress): RedisConnection {
  return newConnection(address, { socketTimeout: SILENCE_TIMEOUT });
}

/** A connection that may be idle for as long as it likes, and keeps no process alive. Not yet connecting. */
export function singleConnection(address: RedisAddress): RedisConnection {
  const connection = newConnection(parsedAddress(address));
  connection.unref();
  return connection;
}

/** Keeps the process alive until this is settled: Sentinels are asked over sockets that don't. */
export async function whileHeld<T>(asking: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, MAX_DELAY_MS);
  try {
    return await asking;
  } finally {
    clearInterval(timer);
  }
}

/** @param address of the server itself, not of Sentinels */
export function newConnection(
  { host, port, tls, username, password, database }: BrokerAddress,
  socket: { readonly socketTimeout?: number } = {},
) {
  return createClient({
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    database,
    // RESP2, which servers older than Redis 6 speak as well.
    RESP: 2,
    disableOfflineQueue: true,
    socket: {
      host,
      port,
      // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED sends no password to a server that can't be verified.
      ...(tls === undefined ? {} : { rejectUnauthorized: true, ...tls, tls: true }),
      connectTimeout: CONNECT_TIMEOUT,
      reconnectStrategy: false,
      ...socket,
    },
  });
}
