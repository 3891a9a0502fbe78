/** A connection that was kept from an earlier request turned out closed: nothing is known of the server itself. */
export class ClosedConnectionError extends Error {
  override readonly name = "ClosedConnectionError";
}

/** Whether a connection ended so by itself or by its other end, between two requests. */
export function isConnectionLoss(error: NodeJS.ErrnoException): boolean {
  return error.code === "ECONNRESET" || error.code === "EPIPE";
}
