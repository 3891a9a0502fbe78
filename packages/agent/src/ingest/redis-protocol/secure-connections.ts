/**
 * TLS on the broker's port, beside plain connections: what a client sends first says which of the two it is. So programs of
 * this device need no certificate, while others are taken with TLS alone.
 *
 * Promises: a client on another machine that doesn't use TLS is turned away before anything that it sends is read as a
 * request. A handshake that doesn't end in time ends the connection.
 */
import type { Socket } from "node:net";
import { createServer } from "node:tls";
import type { Milliseconds } from "@chouette-iot/record";
import { isLoopback } from "../../runtime/address.js";

export interface BrokerTls {
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
  /** Of the authority that clients' certificates must be of; without it they need none. */
  readonly clientCa: string | undefined;
}

/** The first byte of a TLS connection: a record with a handshake. No Redis command begins with it. */
const HANDSHAKE = 0x16;

export interface SecureConnections {
  /** Takes a new connection. */
  take(socket: Socket): void;
}

/**
 * @param accept gets each connection on which requests may come
 * @param turnAway gets those that should have used TLS
 * @param handshakeTimeout until the end of the handshake
 */
export function secureConnections(
  { cert, key, clientCa }: BrokerTls,
  {
    accept,
    turnAway,
    handshakeTimeout,
  }: {
    accept(socket: Socket): void;
    turnAway(socket: Socket): void;
    readonly handshakeTimeout: Milliseconds;
  },
): SecureConnections {
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
    accept,
  );
  // Of a client that isn't let in, or that gave up: its own to notice.
  server.on("tlsClientError", (_, socket) => socket.destroy());
  return {
    take: (socket) => {
      const gone = () => socket.destroy();
      const timer = setTimeout(gone, handshakeTimeout).unref();
      socket.once("error", gone);
      socket.once("close", () => clearTimeout(timer));
      const first = () => {
        const bytes: Buffer | null = socket.read();
        if (bytes === null) {
          // Nothing yet, or the end.
          if (socket.readableEnded) gone();
          else socket.once("readable", first);
          return;
        }
        clearTimeout(timer);
        // Who has sent a last request may close this side and still wait for the answer.
        socket.off("error", gone).off("end", gone);
        socket.unshift(bytes);
        if (bytes[0] === HANDSHAKE) server.emit("connection", socket);
        else if (isLoopback(socket.remoteAddress)) accept(socket);
        else turnAway(socket);
      };
      socket.once("readable", first);
      socket.once("end", gone);
    },
  };
}
