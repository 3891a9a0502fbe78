/**
 * The way into the ready queue for metrics that no raw record became: those of the collectors and the agent's own.
 */
import { randomBytes } from "node:crypto";
import { counterName, type NewRecord, type Store } from "@chouette-iot/queue";
import { canonicalTags, encodeReadyMetric, type ReadyMetric } from "@chouette-iot/record";
import { type ReadyOrigin, writerId } from "./ready-ids.js";

/** Stores these, or rejects if the store does. A value that JSON can't carry is left out. */
export type WriteReady = (metrics: readonly ReadyMetric[]) => Promise<void>;

/** @param globalTags `["key:value", …]`, of every metric from its writing on */
export function readyWriter(
  store: Store,
  queue: string,
  origin: ReadyOrigin,
  globalTags: readonly string[],
): WriteReady {
  // Of this process alone: one that was started a moment ago may have left ids of the same second.
  const process = randomBytes(4).toString("hex");
  let written = 0;
  return async (metrics) => {
    const records = metrics.flatMap((metric): readonly NewRecord[] => {
      const value = encodeReadyMetric({ ...metric, tags: canonicalTags(metric.tags, globalTags) });
      const [first] = metric.points;
      if (value === undefined || first === undefined) return [];
      written += 1;
      return [{ score: first[0], id: writerId(origin, process, written), value }];
    });
    if (records.length === 0) return;
    await store.settle({
      add: [{ queue, records }],
      count: new Map([[counterName(queue, "accepted"), records.length]]),
    });
  };
}
