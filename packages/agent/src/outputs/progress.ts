/**
 * Whether a request makes progress: bytes of it are acknowledged, or bytes of its answer come in.
 *
 * Promises: a body may take as long as the link needs, while bytes flow; a link on which nothing flows is noticed.
 * What else a connection carries, such as the pings of HTTP/2, keeps nobody waiting for an answer.
 * If the system doesn't report what is acknowledged, whatever it has taken is supposed to flow at 16 kbit/s at least.
 */
import type { Socket } from "node:net";
import type { Milliseconds } from "@chouette-iot/record";
import { unacknowledgedBytes } from "./unacknowledged.js";

export interface ProgressOptions {
  /** How long nothing may happen. */
  readonly quiet: Milliseconds;
  /** Length of the body. */
  readonly bytes: number;
  /** A number that changes with each part of the answer. */
  heard(): number;
  /** Whether the body is handed to the connection. Once that is acknowledged, only the answer is progress. */
  isSent(): boolean;
}

/** How often it looks in the time that nothing may happen. */
const LOOKS = 6;
const MIN_BYTES_PER_MS = 2;

/**
 * @param onQuiet called once, when nothing has happened for too long
 * @returns ends the watch
 */
export function watchProgress(
  socket: Socket,
  { quiet, bytes, heard, isSent }: ProgressOptions,
  onQuiet: () => void,
): () => void {
  let seen = "";
  /** Of the connection's bytes, those that end with the body. */
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
    const now = [heard(), ...(isThere ? [] : [taken, unacknowledged])].join();
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
