/**
 * Whether a request makes progress: bytes of it are acknowledged, or bytes of its answer come in.
 *
 * Promises: a body may take as long as the link needs, while bytes flow; a link on which nothing flows is noticed.
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
  { quiet, bytes }: ProgressOptions,
  onQuiet: () => void,
): () => void {
  let seen = "";
  let since = performance.now();
  let isEnded = false;
  const look = async () => {
    const unacknowledged = await unacknowledgedBytes(socket);
    if (isEnded) return;
    const { bytesRead, bytesWritten, writableLength } = socket;
    const now = [bytesRead, bytesWritten - writableLength, unacknowledged].join();
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
