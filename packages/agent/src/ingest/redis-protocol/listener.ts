/**
 * The embedded broker: the agent answers the Redis commands of Chouette's clients on its own port and keeps their records in
 * a {@link BrokerStore}.
 *
 * Promises: a record is durable once its client has the reply. A MULTI is stored whole or not at all. Nothing that a client
 * sends can crash the agent: the client gets an error, or its connection is closed.
 *
 * The files in the order in which a request passes through them: acceptor.ts (connections), client-connection.ts (bytes), request-parser.ts (arguments),
 * execute.ts and commands/command-table.ts (commands), write-batch.ts and durable-writes.ts (the store), reply-queue.ts,
 * reply.ts and reply-writer.ts (the reply).
 */
import { type AddressInfo, createServer, type Server } from "node:net";
import { getHeapStatistics } from "node:v8";
import { type BrokerStore, type QueueNames, queueNames } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import { isLoopback, shownAddress } from "../../runtime/address.js";
import { type Clock, systemClock } from "../../runtime/clock.js";
import type { Log } from "../../runtime/log.js";
import { Outage } from "../../runtime/outage.js";
import { OneAtATime } from "../../runtime/promises.js";
import { acceptor } from "./acceptor.js";
import { type BrokerCounters, newCounters } from "./broker-counters.js";
import { ClientMarkers } from "./client-markers.js";
import type { BrokerContext } from "./command.js";
import { DurableWrites } from "./durable-writes.js";
import { MemoryBudget } from "./memory-budget.js";
import { passwordCheck } from "./password.js";
import { QueueKeys } from "./queue-keys.js";
import type { BrokerTls } from "./secure-connections.js";

export interface BrokerOptions {
  readonly store: BrokerStore;
  /** The agent's own by default. */
  readonly queues?: QueueNames;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Required in AUTH or HELLO; undefined for none. */
  readonly password?: string | undefined;
  /** If it is set, clients on other machines must use TLS, and those on this one may. */
  readonly tls?: BrokerTls | undefined;
  /** Refuses clients on other machines if neither a password nor a certificate is required, as in Redis; true by default. */
  readonly protectedMode?: boolean;
  readonly log: Log;
  /** 1,000 by default. */
  readonly maxConnections?: number;
  /** Memory limit of all connections together, in bytes; a quarter of the heap's limit by default. */
  readonly memoryBytes?: number;
  /** Time limit for the login; 10 seconds by default. */
  readonly loginTimeout?: Milliseconds;
  readonly clock?: Clock;
}

export interface RunningBroker {
  readonly address: { readonly host: string; readonly port: number };
  readonly counters: Readonly<BrokerCounters>;
  /** Resolves with true when the first client connects, with false when the broker was closed without one. */
  readonly firstClient: Promise<boolean>;
  /** Bytes that connections hold in memory: those that are logged in or need no password, and all others. */
  memory(): { readonly clients: number; readonly unauthenticated: number };
  /** Accepts no further requests, answers those in progress, and resolves when all connections are closed. */
  close(): Promise<void>;
}

/** Another program uses the port. */
export class PortTakenError extends Error {
  override readonly name = "PortTakenError";

  constructor(host: string, port: number) {
    super(
      `${shownAddress({ host, port })} is taken by another program. Set CHOUETTE_LISTEN to another address, or, if it is the ` +
        "Redis server that you want to use as the broker, set REDIS_HOST or CHOUETTE_STORAGE_TYPE=redis.",
    );
  }
}

const DEFAULT_MAX_CONNECTIONS = 1_000;
const DEFAULT_LOGIN_TIMEOUT = milliseconds(10_000);
const MEBIBYTE = 1024 * 1024;
/** The largest transaction of a client. */
const MIN_MEMORY = 16 * MEBIBYTE;
const MAX_MEMORY = 256 * MEBIBYTE;
/** Budget of the connections before their login, as a share of the clients' budget. */
const UNAUTHENTICATED_SHARE = 1 / 8;
const WARNING_INTERVAL_MS = 60_000;
const KEEP_ALIVE_MS = 60_000;
const SWEEP_INTERVAL_MS = 600_000;
/** Counters of closed or refused connections, of which the log warns. */
const CLOSURES = ["closedForMemory", "loginTimeouts", "refusedConnections", "deniedConnections"] as const;

/** Starts to listen. Rejects with a {@link PortTakenError}, or with another error of the system. */
export async function startBroker(options: BrokerOptions): Promise<RunningBroker> {
  const { host, port, password, tls, log } = options;
  const { protectedMode = true, maxConnections = DEFAULT_MAX_CONNECTIONS } = options;
  const broker = await newBroker(options);
  const { counters, memory } = broker;
  const isOpen = password === undefined && tls?.clientCa === undefined;
  const isProtected = isOpen && protectedMode;
  const newConnections = acceptor(broker, { maxConnections, isProtected, tls });
  // Half-open: after its last request, a client may close its side and still wait for the reply.
  const server = createServer(
    { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
    newConnections.take,
  );
  const firstClient = new Promise<boolean>((resolve) => {
    server.once("connection", () => resolve(true)).once("close", () => resolve(false));
  });
  await listen(server, host, port);
  if (isOpen && !isLoopback(addressOf(server).host)) warnOfNoPassword(log, isProtected);
  // Later errors concern a connection that couldn't be accepted, for example because of too many open files.
  server.on("error", (error) => log.warn({ err: error }, "a client's connection couldn't be accepted"));
  sweepMarkers(broker);
  const sweeping = setInterval(() => sweepMarkers(broker), SWEEP_INTERVAL_MS).unref();
  const watching = setInterval(warnOfClosed(broker), WARNING_INTERVAL_MS).unref();
  return {
    address: addressOf(server),
    counters,
    firstClient,
    memory: () => ({ clients: memory.clients.bytes, unauthenticated: memory.unauthenticated.bytes }),
    close: async () => {
      clearInterval(sweeping);
      clearInterval(watching);
      const closed = new Promise((resolve) => server.close(resolve));
      newConnections.close();
      for (const session of broker.sessions) session.end();
      await closed;
    },
  };
}

async function newBroker(options: BrokerOptions): Promise<BrokerContext> {
  const { store, password, log, clock = systemClock, queues = queueNames() } = options;
  const counters = newCounters();
  const memoryBytes = options.memoryBytes ?? defaultMemory();
  const now = () => clock.monotonic();
  const memory = {
    clients: new MemoryBudget(memoryBytes, now),
    unauthenticated: new MemoryBudget(memoryBytes * UNAUTHENTICATED_SHARE, now),
  };
  const markers = await ClientMarkers.load(store, clock);
  const outages = {
    store: new Outage("embedded broker's store", clock, log),
    own: new Outage("embedded broker", clock, log, "failing"),
  };
  return {
    store,
    writes: new DurableWrites({ store, markers, memory: memory.clients, counters, outages }),
    markers,
    keys: new QueueKeys(queues),
    scans: new OneAtATime(),
    memory,
    loginTimeout: options.loginTimeout ?? DEFAULT_LOGIN_TIMEOUT,
    isPassword: password === undefined ? undefined : passwordCheck(password),
    counters,
    sessions: new Set(),
    log,
    clock,
    started: clock.monotonic(),
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

function defaultMemory(): number {
  const quarter = getHeapStatistics().heap_size_limit / 4;
  return Math.min(MAX_MEMORY, Math.max(MIN_MEMORY, quarter));
}

function warnOfNoPassword(log: Log, isProtected: boolean): void {
  const advice = "set CHOUETTE_PASSWORD, or CHOUETTE_LISTEN to a loopback address";
  if (isProtected)
    log.warn(
      `the broker listens beyond loopback without a password and refuses clients on other machines: ${advice}`,
    );
  else
    log.warn(`the broker listens beyond loopback and anybody who can reach it may store records: ${advice}`);
}

/** Logs at most once a minute how many connections were closed or refused. */
function warnOfClosed({ counters, log }: BrokerContext): () => void {
  let before = { ...counters };
  return () => {
    const closed = Object.fromEntries(CLOSURES.map((name) => [name, counters[name] - before[name]]));
    before = { ...counters };
    if (Object.values(closed).some((count) => count > 0))
      log.warn(closed, "connections of clients were closed or refused");
  };
}

function sweepMarkers({ markers, store, log }: BrokerContext): void {
  const expired = markers.takeExpired();
  if (expired.size === 0) return;
  store.settle({ state: expired }).catch((error) => {
    markers.notStored(expired);
    log.warn({ err: error }, "expired markers of clients couldn't be deleted");
  });
}
