/**
 * A look at the store for the status, one at a time: whoever asks while one is under way gets its answer.
 *
 * A store that has stopped answering is so not asked again and again. What it was asked would pile up, and a
 * connection on which something is sent every few seconds is never given up as silent.
 */
import type { QueueNames, Store } from "@chouette-iot/queue";
import { toSeconds } from "@chouette-iot/record";
import type { Clock } from "../clock.js";
import { readSentOfLate, type SentOfLate } from "../dispatch/sent-bytes.js";
import { type QueueStatus, readQueues } from "./queues.js";
import type { BrokerMemory } from "./status.js";

export interface StoreLook {
  readonly queues: readonly QueueStatus[];
  readonly sent: SentOfLate;
  readonly memory: BrokerMemory | undefined;
}

/**
 * @param memoryOf asks the broker, if it is a server
 * @returns takes the look; it rejects where the store does
 */
export function storeLooks(
  store: Store,
  names: QueueNames,
  clock: Clock,
  memoryOf: () => Promise<BrokerMemory | undefined> = async () => undefined,
): () => Promise<StoreLook> {
  const look = async () => {
    const now = toSeconds(clock.now());
    const [queues, sent, memory] = await Promise.all([
      readQueues(store, names, now),
      readSentOfLate(store, clock),
      memoryOf(),
    ]);
    return { queues, sent, memory };
  };
  let underWay: Promise<StoreLook> | undefined;
  return () => {
    underWay ??= look().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
