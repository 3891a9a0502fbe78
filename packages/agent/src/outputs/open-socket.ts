/** Opens a connection to a server, direct or through a proxy, with or without TLS. */
import { connect, type Socket } from "node:net";
import { secure } from "./secure-socket.js";
import { openTunnel, type Target } from "./tunnel.js";
import { type OpenOptions, whenOpen } from "./when-open.js";

/** Rejects, and leaves no socket open, if that takes too long or the signal is aborted. */
export function openSocket(target: Target, proxy: URL | undefined, options: OpenOptions): Promise<Socket> {
  if (proxy !== undefined) return openTunnel(proxy, target, options);
  const { host, port, security } = target;
  const socket = connect({ host, port, noDelay: true });
  target.onSocket(socket);
  return security === undefined
    ? whenOpen(socket, "connect", options)
    : whenOpen(secure(socket, security), "secureConnect", options);
}
