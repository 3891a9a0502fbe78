/**
 * One connection to a Redis server, kept up for as long as it is wanted.
 *
 * Promises: it reconnects for ever, with exponential backoff and full jitter; while it is down a command is
 * rejected at once, not held; it never throws an event that nobody hears. It loses the answers of commands
 * that were under way when the connection broke: whether those were carried out is not known.
 */

import { milliseconds } from "@chouette-iot/record";
import { createClient } from "@redis/client";
import { reconnectDelay } from "./backoff.js";

export interface RedisAddress {
  /** `redis://` or `rediss://`, with user, password and database where they are needed. Goes before host and port. */
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

const CONNECT_TIMEOUT = milliseconds(5_000);
/** A server that accepts and never answers is given up after this long; pings keep a healthy one from it. */
const SILENCE_TIMEOUT = milliseconds(15_000);
const PING_INTERVAL = milliseconds(5_000);

/** A connection that is already on its way up. Commands are rejected until it is there. */
export function connectRedis(address: RedisAddress, events: ConnectionEvents = {}): RedisConnection {
  const connection = newClient(address);
  connection.on("ready", () => events.onConnected?.());
  connection.on("error", (error: Error) => events.onDisconnected?.(error));
  // Rejects only where `destroy` is called before the first connection: there is nobody left to tell.
  connection.connect().catch(() => {});
  return connection;
}

function newClient(address: RedisAddress) {
  return createClient({
    ...addressOptions(address, {
      connectTimeout: CONNECT_TIMEOUT,
      socketTimeout: SILENCE_TIMEOUT,
      reconnectStrategy: reconnectDelay,
    }),
    pingInterval: PING_INTERVAL,
  });
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

function addressOptions<S extends object>({ url, host = "127.0.0.1", port = 6379 }: RedisAddress, socket: S) {
  return {
    ...(url === undefined ? {} : { url }),
    // RESP2, which servers older than Redis 6 speak as well.
    RESP: 2,
    disableOfflineQueue: true,
    socket: { ...(url === undefined ? { host, port } : {}), ...socket },
  } as const;
}
