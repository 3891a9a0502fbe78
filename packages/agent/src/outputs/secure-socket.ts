/** TLS to the intake on a connection to it, direct or through a proxy. */
import { isIP, type Socket } from "node:net";
import { connect, type SecureContext, type TLSSocket } from "node:tls";

export interface Security {
  readonly host: string;
  /** By whose word the intake is known; undefined for the well-known authorities. */
  readonly secureContext: SecureContext | undefined;
  /** What may be spoken on it, the best first (ALPN). A server that doesn't choose speaks HTTP/1.1. */
  readonly protocols: readonly string[];
  /** Of an earlier connection: most of the handshake isn't needed. */
  readonly session: Buffer | undefined;
  /** Called with the session to use next; with undefined if none is. */
  onSession(session: Buffer | undefined): void;
}

/** @param socket may still be connecting */
export function secure(
  socket: Socket,
  { host, secureContext, protocols, session, onSession }: Security,
): TLSSocket {
  const secured = connect({
    socket,
    // Said explicitly: NODE_TLS_REJECT_UNAUTHORIZED=0, set for another program, must not give the key away.
    rejectUnauthorized: true,
    ALPNProtocols: protocols,
    // A certificate is asked for by name; an address can't be (RFC 6066, 3).
    ...(isIP(host) === 0 ? { servername: host } : { host }),
    ...(secureContext === undefined ? {} : { secureContext }),
    ...(session === undefined ? {} : { session }),
  });
  socket.once("error", (error) => secured.destroy(error));
  secured.on("session", onSession);
  const forget = () => onSession(undefined);
  // A handshake that fails may have failed by the session.
  if (session !== undefined) secured.once("error", forget);
  secured.once("secureConnect", () => secured.off("error", forget));
  return secured;
}
