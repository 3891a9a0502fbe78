/**
 * TLS and plain connections on the broker's port: the first byte shows which one it is. So programs on this device need no
 * certificate, while clients on other machines must use TLS.
 *
 * Promises: a client on another machine that doesn't use TLS is refused before anything that it sends is read as a request. If
 * a handshake doesn't end in time, the connection is closed. At the limit of connections that aren't accepted yet, the oldest of
 * them gives way to a new one.
 */
import type { Socket } from "node:net";
import { createServer } from "node:tls";
import type { Milliseconds } from "@chouette-iot/record";
import { isLoopback } from "../../runtime/address.js";

export interface BrokerTls {
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
  /** The authority of clients' certificates; undefined if they need none. */
  readonly clientCa: string | undefined;
}

/** The first byte of a TLS handshake. No Redis command begins with it. */
const HANDSHAKE = 0x16;

export interface NewConnections {
  /** Takes a new connection. */
  take(socket: Socket): void;
  /** Closes the connections that aren't accepted yet. */
  close(): void;
}

/**
 * @param accept called with each connection that may send requests
 * @param turnAway called with those that should have used TLS
 * @param onDisplaced called when a connection gave way to a new one
 * @param handshakeTimeout for the whole handshake
 * @param maxWaiting limit of the connections that aren't accepted yet
 */
export function secureConnections(
  { cert, key, clientCa }: BrokerTls,
  {
    accept,
    turnAway,
    onDisplaced,
    handshakeTimeout,
    maxWaiting,
  }: {
    accept(socket: Socket): void;
    turnAway(socket: Socket): void;
    onDisplaced(): void;
    readonly handshakeTimeout: Milliseconds;
    readonly maxWaiting: number;
  },
): NewConnections {
  /** By the address of the other side, the oldest first: the connection of a handshake is another object after it. */
  const waiting = new Map<string, Socket>();
  const acceptWaiting = (socket: Socket) => {
    waiting.delete(addressOf(socket));
    accept(socket);
  };
  const asksForCertificate = clientCa !== undefined;
  const server = createServer(
    {
      cert,
      key,
      handshakeTimeout,
      requestCert: asksForCertificate,
      rejectUnauthorized: asksForCertificate,
      allowHalfOpen: true,
      ...(asksForCertificate ? { ca: clientCa } : {}),
    },
    acceptWaiting,
  );
  // The client wasn't accepted, or gave up. It notices itself.
  server.on("tlsClientError", (_, socket) => socket.destroy());
  const displaceOldest = () => {
    const [first] = waiting;
    if (first === undefined) return;
    const [address, oldest] = first;
    waiting.delete(address);
    oldest.destroy();
    onDisplaced();
  };
  const take = (socket: Socket) => {
    const gone = () => socket.destroy();
    const timer = setTimeout(gone, handshakeTimeout).unref();
    if (waiting.size >= maxWaiting) displaceOldest();
    const address = addressOf(socket);
    waiting.set(address, socket);
    socket.once("error", gone);
    socket.once("close", () => {
      clearTimeout(timer);
      if (waiting.get(address) === socket) waiting.delete(address);
    });
    const first = () => {
      const bytes: Buffer | null = socket.read();
      if (bytes === null) {
        // Nothing yet, or the end.
        if (socket.readableEnded) gone();
        else socket.once("readable", first);
        return;
      }
      clearTimeout(timer);
      // After its last request, a client may close its side and still wait for the reply.
      socket.off("error", gone).off("end", gone);
      socket.unshift(bytes);
      if (bytes[0] === HANDSHAKE) server.emit("connection", socket);
      else if (isLoopback(socket.remoteAddress)) acceptWaiting(socket);
      else turnAway(socket);
    };
    socket.once("readable", first);
    socket.once("end", gone);
  };
  return {
    take,
    close: () => {
      for (const socket of waiting.values()) socket.destroy();
    },
  };
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
