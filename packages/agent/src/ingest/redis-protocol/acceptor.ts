/**
 * Decides about each new connection of the embedded broker: it becomes a client's connection or is turned away, with the
 * reason.
 *
 * Promises: there are never more clients than the limit, and never more connections whose TLS handshake isn't done. At the
 * limit, a connection that is idle gives way to a new one.
 */
import type { Socket } from "node:net";
import { isLoopback } from "../../runtime/address.js";
import { Connection } from "./client-connection.js";
import type { BrokerContext } from "./command.js";
import { encodeReply, failure } from "./reply.js";
import { type BrokerTls, type NewConnections, secureConnections } from "./secure-connections.js";

interface AcceptorOptions {
  readonly maxConnections: number;
  /** Whether clients on other machines are refused. */
  readonly isProtected: boolean;
  /** If it is set, clients on other machines must use TLS, and those on this one may. */
  readonly tls: BrokerTls | undefined;
}

/** A connection that was used this recently isn't closed in favour of a new one. */
const IDLE_AFTER_MS = 1_000;
const TOO_MANY = encodeReply(failure("ERR max number of clients reached"), 2);
const NO_TLS = encodeReply(
  failure("DENIED Chouette's broker requires TLS from clients on other machines: rediss://"),
  2,
);
const DENIED = encodeReply(
  failure(
    "DENIED Chouette's broker refuses clients on other machines if no password is set: set CHOUETTE_PASSWORD " +
      "for the agent, or CHOUETTE_PROTECTED_MODE=false if everybody who can reach it may store records",
  ),
  2,
);

export function acceptor(broker: BrokerContext, { tls, ...options }: AcceptorOptions): NewConnections {
  const accept = plainAcceptor(broker, options);
  if (tls === undefined) return { take: accept, close: () => {} };
  const refuse = (socket: Socket) => {
    broker.counters.deniedConnections++;
    turnAway(socket, NO_TLS);
  };
  return secureConnections(tls, {
    accept,
    turnAway: refuse,
    onDisplaced: () => {
      broker.counters.closedIdle++;
    },
    handshakeTimeout: broker.loginTimeout,
    maxWaiting: options.maxConnections,
  });
}

function plainAcceptor(
  broker: BrokerContext,
  { maxConnections, isProtected }: Omit<AcceptorOptions, "tls">,
): (socket: Socket) => void {
  const { counters, sessions } = broker;
  const connections = new Set<Connection>();
  let lastId = 0;
  const forget = (connection: Connection) => {
    connections.delete(connection);
    sessions.delete(connection.session);
    counters.connections = sessions.size;
  };
  const makeRoom = (): boolean => {
    const idle = longestIdle(connections, broker);
    if (idle === undefined) return false;
    counters.closedIdle++;
    idle.destroy();
    forget(idle);
    return true;
  };
  return (socket) => {
    if (isProtected && !isLoopback(socket.remoteAddress)) {
      counters.deniedConnections++;
      turnAway(socket, DENIED);
      return;
    }
    if (connections.size >= maxConnections && !makeRoom()) {
      counters.refusedConnections++;
      turnAway(socket, TOO_MANY);
      return;
    }
    const connection = new Connection(socket, ++lastId, broker);
    connections.add(connection);
    sessions.add(connection.session);
    counters.connections = sessions.size;
    socket.once("close", () => forget(connection));
  };
}

function turnAway(socket: Socket, answer: string): void {
  socket.on("error", () => {});
  socket.end(answer, () => socket.destroy());
}

/** The connection to close for a new one: first those that aren't logged in, then the one that was idle longest. */
function longestIdle(connections: ReadonlySet<Connection>, { clock }: BrokerContext): Connection | undefined {
  let found: Connection | undefined;
  const rank = ({ session, lastProgress }: Connection) =>
    session.authenticated ? lastProgress : lastProgress - Number.MAX_SAFE_INTEGER;
  const idleSince = clock.monotonic() - IDLE_AFTER_MS;
  for (const connection of connections) {
    if (!connection.isIdle || connection.lastProgress > idleSince) continue;
    if (found === undefined || rank(connection) < rank(found)) found = connection;
  }
  return found;
}
