/** Opens a connection to a server, direct or through a proxy, with or without TLS. */
import { connect, type Socket } from "node:net";
import { secure } from "./secure-socket.js";
import { type OpenOptions, openTunnel, type Target } from "./tunnel.js";

/** Rejects, and leaves no socket open, if that takes too long or the signal is aborted. */
export async function openSocket(
  target: Target,
  proxy: URL | undefined,
  options: OpenOptions,
): Promise<Socket> {
  const { security } = target;
  const socket = proxy === undefined ? connectTo(target) : await openTunnel(proxy, target, options);
  if (security !== undefined) return whenOpen(secure(socket, security), "secureConnect", options);
  return proxy === undefined ? whenOpen(socket, "connect", options) : socket;
}

function connectTo({ host, port, onSocket }: Target): Socket {
  const socket = connect({ host, port, noDelay: true });
  onSocket(socket);
  return socket;
}

/** Rejects and closes the socket if it fails, takes too long, or the signal is aborted. @param event emitted when it is open */
function whenOpen<T extends Socket>(
  socket: T,
  event: "connect" | "secureConnect",
  { timeout, signal }: OpenOptions,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      reject(error);
      socket.destroy();
    };
    const abort = () => fail(signal?.reason);
    const onClose = () => fail(new Error("the connection was closed before it was open"));
    const timer = setTimeout(() => fail(new Error(`no connection within ${timeout} ms`)), timeout);
    const stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      socket.off("error", fail).off("close", onClose);
    };
    socket.once("close", stop);
    socket.on("error", fail).on("close", onClose);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) return abort();
    socket.once(event, () => {
      stop();
      socket.off("close", stop);
      resolve(socket);
    });
  });
}
