/** TLS to the intake, on a direct connection or one through a proxy. */
import { isIP, type Socket } from "node:net";
import { connect, type SecureContext, type TLSSocket } from "node:tls";

export interface Security {
  readonly host: string;
  /** Has the trusted certificate authorities; undefined for Node's. */
  readonly secureContext: SecureContext | undefined;
  /** Protocols to offer (ALPN), the preferred one first. A server that doesn't choose uses HTTP/1.1. */
  readonly protocols: readonly string[];
  /** Of an earlier connection: saves most of the handshake. */
  readonly session: Buffer | undefined;
  /** Called with the session for the next connection; undefined for none. */
  onSession(session: Buffer | undefined): void;
}

/** @param socket may still be connecting */
export function secure(
  socket: Socket,
  { host, secureContext, protocols, session, onSession }: Security,
): TLSSocket {
  const secured = connect({
    socket,
    // Explicit: with NODE_TLS_REJECT_UNAUTHORIZED=0, anybody could get the key.
    rejectUnauthorized: true,
    ALPNProtocols: protocols,
    // The server name can't be an address (RFC 6066, 3).
    ...(isIP(host) === 0 ? { servername: host } : { host }),
    ...(secureContext === undefined ? {} : { secureContext }),
    ...(session === undefined ? {} : { session }),
  });
  socket.once("error", (error) => secured.destroy(error));
  secured.on("session", onSession);
  const forget = () => onSession(undefined);
  // The session may be the cause of a failed handshake.
  if (session !== undefined) secured.once("error", forget);
  secured.once("secureConnect", () => secured.off("error", forget));
  return secured;
}
