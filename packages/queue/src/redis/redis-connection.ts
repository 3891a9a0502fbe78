/**
 * Clients of a Redis server, as they are configured: one that reconnects forever, and one that never does.
 *
 * Promises: while it is down a command is rejected immediately, not held. The first kind reconnects with exponential
 * backoff and full jitter. A broken connection loses the answers of commands that were under way: whether those were
 * carried out is not known.
 */
import { milliseconds } from "@chouette-iot/record";
import { createClient } from "@redis/client";
import { reconnectDelay } from "./backoff.js";

export interface RedisAddress {
  /** `redis://` or `rediss://`, with user, password and database if they are needed. Takes precedence over host and port. */
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
}

export interface ConnectionEvents {
  onConnected?(): void;
  /** Called for every failed attempt, too: count the changes, not the calls. */
  onDisconnected?(error: Error): void;
}

export type RedisConnection = ReturnType<typeof newClient>;

const DEFAULT_PORT = 6379;
const CONNECT_TIMEOUT = milliseconds(5_000);
/** A server that accepts a connection and says nothing is given up after this long. */
const SILENCE_TIMEOUT = milliseconds(15_000);

/** Host and port, without login and database. */
export function addressText({ url, host = "127.0.0.1", port = DEFAULT_PORT }: RedisAddress): string {
  if (url === undefined) return `${host}:${port}`;
  const { hostname, port: ofUrl } = new URL(url);
  return `${hostname}:${ofUrl || DEFAULT_PORT}`;
}

/** A client that reconnects forever, and isn't yet connecting. */
export function newClient(address: RedisAddress) {
  return createClient(
    addressOptions(address, {
      connectTimeout: CONNECT_TIMEOUT,
      socketTimeout: SILENCE_TIMEOUT,
      reconnectStrategy: reconnectDelay,
    }),
  );
}

/**
 * A connection that is made once and never again, for those who must know exactly which connection carried
 * what. It holds no timer that keeps a process alive, and is not yet on its way up.
 */
export function singleConnection(address: RedisAddress): RedisConnection {
  const socket = { connectTimeout: CONNECT_TIMEOUT, reconnectStrategy: false } as const;
  const connection = createClient(addressOptions(address, socket));
  connection.unref();
  return connection;
}

/**
 * Socket options for the certificate of a server that is connected to by TLS. They are explicit, so that
 * NODE_TLS_REJECT_UNAUTHORIZED sends no password to a server that can't be verified.
 */
export function verifiedTls(url: string | undefined) {
  return url?.startsWith("rediss:") ? ({ tls: true, rejectUnauthorized: true } as const) : {};
}

function addressOptions<S extends object>(
  { url, host = "127.0.0.1", port = DEFAULT_PORT }: RedisAddress,
  socket: S,
) {
  return {
    ...(url === undefined ? {} : { url }),
    // RESP2, which servers older than Redis 6 speak as well.
    RESP: 2,
    disableOfflineQueue: true,
    socket: { ...(url === undefined ? { host, port } : verifiedTls(url)), ...socket },
  } as const;
}
