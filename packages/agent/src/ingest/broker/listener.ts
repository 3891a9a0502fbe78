/**
 * The embedded broker: the agent answers the Redis commands that clients of Chouette send, on a port of its
 * own, and keeps what they store in a {@link BrokerStore}.
 *
 * Promises: what a client stored and saw answered is durable. A MULTI is stored whole or not at all. Nothing
 * that a client sends ends the agent: it gets an error, or a closed connection.
 *
 * What happens to a request, in order: connection.ts (bytes), request-parser.ts (words), execute.ts and
 * commands/table.ts (meaning), write-batch.ts and durable-writes.ts (the store), reply-queue.ts and reply.ts
 * (the answer).
 */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { BrokerStore } from "@chouette-iot/queue";
import { type Clock, systemClock } from "../../clock.js";
import type { Log } from "../../log.js";
import { Outage } from "../../outage.js";
import { ClientMarkers } from "./client-markers.js";
import { Connection } from "./connection.js";
import type { BrokerContext } from "./context.js";
import { type BrokerCounters, newCounters } from "./counters.js";
import { DurableWrites } from "./durable-writes.js";
import { QueueKeys } from "./keys.js";
import { passwordCheck } from "./password.js";
import { encodeReply, failure } from "./reply.js";

export interface BrokerOptions {
  readonly store: BrokerStore;
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** What clients must give by AUTH or HELLO before anything else; nothing is asked for unless it is set. */
  readonly password?: string;
  readonly log: Log;
  /** 256 unless given. */
  readonly maxConnections?: number;
  readonly clock?: Clock;
}

export interface RunningBroker {
  readonly address: { readonly host: string; readonly port: number };
  readonly counters: Readonly<BrokerCounters>;
  /** Takes no further requests, answers those that are under way, and resolves when all connections are closed. */
  close(): Promise<void>;
}

/** The port belongs to another program. */
export class PortTakenError extends Error {
  override readonly name = "PortTakenError";

  constructor(host: string, port: number) {
    super(
      `${host}:${port} is taken by another program. Set CHOUETTE_LISTEN to another address, or, if that is a ` +
        "Redis to be used as the broker, set REDIS_HOST or CHOUETTE_STORAGE_TYPE=redis.",
    );
  }
}

const DEFAULT_MAX_CONNECTIONS = 256;
const KEEP_ALIVE_MS = 60_000;
const SWEEP_INTERVAL_MS = 600_000;
const TOO_MANY = encodeReply(failure("ERR max number of clients reached"), 2);

/** Begins to listen. Rejects with {@link PortTakenError}, or with what else the system says against it. */
export async function startBroker(options: BrokerOptions): Promise<RunningBroker> {
  const { store, host, port, password, log, clock = systemClock } = options;
  const counters = newCounters();
  const broker: BrokerContext = {
    store,
    writes: new DurableWrites(store, counters, new Outage("The broker's store", clock, log)),
    markers: await ClientMarkers.load(store, clock),
    keys: new QueueKeys(),
    isPassword: password === undefined ? undefined : passwordCheck(password),
    counters,
    sessions: new Set(),
    log,
    clock,
    started: clock.monotonic(),
  };
  const accept = acceptor(broker, options.maxConnections ?? DEFAULT_MAX_CONNECTIONS);
  // Half-open: a client that has sent its last request may close its side and still wait for the answer.
  const server = createServer(
    { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
    accept,
  );
  await listen(server, host, port);
  // Later errors are of a connection that couldn't be accepted: too many open files, for one.
  server.on("error", (error) => log.warn({ err: error }, "a client's connection couldn't be accepted"));
  const sweeping = setInterval(() => sweepMarkers(broker), SWEEP_INTERVAL_MS).unref();
  return {
    address: addressOf(server),
    counters,
    close: async () => {
      clearInterval(sweeping);
      const closed = new Promise((resolve) => server.close(resolve));
      for (const session of broker.sessions) session.end();
      await closed;
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new PortTakenError(host, port) : error);
    server.once("error", failed);
    server.listen({ host, port }, () => {
      server.off("error", failed);
      resolve();
    });
  });
}

function addressOf(server: Server): RunningBroker["address"] {
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

function acceptor(broker: BrokerContext, mostConnections: number): (socket: Socket) => void {
  const { counters, sessions } = broker;
  let lastId = 0;
  return (socket) => {
    if (sessions.size >= mostConnections) {
      counters.refusedConnections++;
      socket.on("error", () => {});
      socket.end(TOO_MANY, () => socket.destroy());
      return;
    }
    const { session } = new Connection(socket, ++lastId, broker);
    sessions.add(session);
    counters.connections = sessions.size;
    socket.once("close", () => {
      sessions.delete(session);
      counters.connections = sessions.size;
    });
  };
}

function sweepMarkers({ markers, store, log }: BrokerContext): void {
  const expired = markers.takeExpired();
  if (expired.length === 0) return;
  store
    .settle({ notes: new Map(expired.map((key) => [key, undefined])) })
    // They are read from the store and taken out again at the next start.
    .catch((error) => log.warn({ err: error }, "expired markers of clients couldn't be deleted"));
}
