/**
 * TLS and plain connections on the broker's port: the first byte shows which one it is. So programs on this device need no
 * certificate, while clients on other machines must use TLS.
 *
 * Promises: a client on another machine that doesn't use TLS is refused before anything that it sends is read as a request. If
 * a handshake doesn't end in time, the connection is closed.
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

/**
 * @param accept called with each connection that may send requests
 * @param turnAway called with those that should have used TLS
 * @param handshakeTimeout for the whole handshake
 * @returns what to call with each new connection
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
): (socket: Socket) => void {
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
  // The client wasn't accepted, or gave up. It notices itself.
  server.on("tlsClientError", (_, socket) => socket.destroy());
  return (socket) => {
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
      // After its last request, a client may close its side and still wait for the reply.
      socket.off("error", gone).off("end", gone);
      socket.unshift(bytes);
      if (bytes[0] === HANDSHAKE) server.emit("connection", socket);
      else if (isLoopback(socket.remoteAddress)) accept(socket);
      else turnAway(socket);
    };
    socket.once("readable", first);
    socket.once("end", gone);
  };
}
