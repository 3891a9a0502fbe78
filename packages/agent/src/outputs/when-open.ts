/** Waits until a socket is connected, up to a time limit. */
import type { Socket } from "node:net";
import type { Milliseconds } from "@chouette-iot/record";

export interface OpenOptions {
  /** For each step: TCP, a proxy, TLS. */
  readonly timeout: Milliseconds;
  readonly signal?: AbortSignal | undefined;
}

/** Rejects and closes the socket if it fails, takes too long, or the signal is aborted. @param event emitted when it is open */
export function whenOpen<T extends Socket>(
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
