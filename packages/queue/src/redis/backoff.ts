/** How long to wait before a server is tried again. */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";

const FIRST_DELAY = milliseconds(50);
const MAX_DELAY = milliseconds(5_000);

/** Exponential backoff with full jitter, so that the clients of a device don't all return in the same instant. */
export function reconnectDelay(attempt: number): Milliseconds {
  const ceiling = Math.min(MAX_DELAY, FIRST_DELAY * 2 ** Math.min(attempt, 16));
  return milliseconds(Math.ceil(Math.random() * ceiling));
}
