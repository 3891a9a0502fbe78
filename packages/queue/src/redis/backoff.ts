/** How long the client and the agent wait before they reconnect to Redis. */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import { backoff } from "@chouette-iot/record/host";

const LIMITS = { first: milliseconds(50), max: milliseconds(5_000) };

/** @param attempt number of failed attempts before, from 0 */
export function reconnectDelay(attempt: number): Milliseconds {
  return backoff(attempt + 1, LIMITS);
}
