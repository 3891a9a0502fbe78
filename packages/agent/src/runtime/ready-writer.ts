/** Writes ready metrics of collectors, and metrics and checks of the agent about itself. */
import { randomBytes } from "node:crypto";
import { counterName, type NewRecord, type Store } from "@chouette-iot/queue";
import { canonicalTags, encodeReadyMetric, type ReadyMetric, type ServiceCheck } from "@chouette-iot/record";
import { type ReadyOrigin, writerId } from "./ready-ids.js";

/** Stores the metrics, or rejects if the store does. A value that JSON can't carry is left out. */
export type WriteReady = (metrics: readonly ReadyMetric[]) => Promise<void>;
/** Stores the check, or rejects if the store does. */
export type WriteCheck = (check: ServiceCheck) => Promise<void>;

/** @param globalTags `["key:value", …]`, added to every metric */
export function readyWriter(
  store: Store,
  queue: string,
  origin: ReadyOrigin,
  globalTags: readonly string[],
): WriteReady {
  const newId = idsOf(origin);
  return async (metrics) => {
    const records = metrics.flatMap((metric): readonly NewRecord[] => {
      const value = encodeReadyMetric({ ...metric, tags: canonicalTags(metric.tags, globalTags) });
      const [first] = metric.points;
      if (value === undefined || first === undefined) return [];
      return [{ score: first[0], id: newId(), value }];
    });
    if (records.length > 0) await add(store, queue, records);
  };
}

export function checkWriter(store: Store, queue: string): WriteCheck {
  const newId = idsOf("self");
  return (check) =>
    add(store, queue, [{ score: check.timestamp, id: newId(), value: JSON.stringify(check) }]);
}

/** Ids of this process only: one that ran a moment ago may have written records of the same second. */
function idsOf(origin: ReadyOrigin): () => string {
  const process = randomBytes(4).toString("hex");
  let written = 0;
  return () => {
    written += 1;
    return writerId(origin, process, written);
  };
}

async function add(store: Store, queue: string, records: readonly NewRecord[]): Promise<void> {
  const accepted = new Map([[counterName(queue, "accepted"), records.length]]);
  await store.settle({ add: [{ queue, records }], count: accepted });
}
