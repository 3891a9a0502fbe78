/**
 * Watches whether a request makes progress: its bytes are acknowledged, or bytes of its answer are received.
 *
 * Promises: a body may take as long as the link needs, as long as bytes flow; a dead link is noticed. Other traffic of the
 * connection, such as HTTP/2's pings, doesn't count. If the system doesn't report acknowledged bytes, a rate of at least
 * 16 kbit/s is assumed.
 */
import type { Socket } from "node:net";
import type { Milliseconds } from "@chouette-iot/record";
import { unacknowledgedBytes } from "./unacknowledged.js";

export interface ProgressOptions {
  /** Time limit without progress. */
  readonly quiet: Milliseconds;
  /** Length of the body. */
  readonly bytes: number;
  /** A number that changes with each part of the answer. */
  received(): number;
  /** Whether the body was written to the connection. Once it is acknowledged, only the answer is progress. */
  isSent(): boolean;
}

/** Number of checks within the time limit. */
const LOOKS = 6;
const MIN_BYTES_PER_MS = 2;

/**
 * @param onQuiet called once, when there was no progress for too long
 * @returns stops watching
 */
export function watchProgress(
  socket: Socket,
  { quiet, bytes, received, isSent }: ProgressOptions,
  onQuiet: () => void,
): () => void {
  let seen = "";
  /** The connection's written bytes at the end of the body. */
  let due: number | undefined;
  let since = performance.now();
  let isEnded = false;
  const look = async () => {
    const unacknowledged = await unacknowledgedBytes(socket);
    if (isEnded) return;
    const { bytesWritten, writableLength } = socket;
    if (isSent()) due ??= bytesWritten;
    const taken = bytesWritten - writableLength;
    const isThere = due !== undefined && taken - (unacknowledged ?? 0) >= due;
    const now = [received(), ...(isThere ? [] : [taken, unacknowledged])].join();
    const patience = quiet + (unacknowledged === undefined ? bytes / MIN_BYTES_PER_MS : 0);
    if (now !== seen) {
      seen = now;
      since = performance.now();
    } else if (performance.now() - since >= patience) {
      return onQuiet();
    }
    timer = setTimeout(look, quiet / LOOKS);
  };
  let timer = setTimeout(look, quiet / LOOKS);
  return () => {
    isEnded = true;
    clearTimeout(timer);
  };
}
