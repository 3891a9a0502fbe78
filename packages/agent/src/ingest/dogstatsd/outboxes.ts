/**
 * The outboxes of DogStatsD: one for each shard, or one for the whole store.
 *
 * A metric goes to its shard, like that of a client; events and checks go to the shards in turn.
 */
import type { QueueNames, Store } from "@chouette-iot/queue";
import { shardOf } from "@chouette-iot/record";
import { type OutboxOptions, StatsdOutbox } from "./outbox.js";

/** A store and its queues. */
export interface StatsdTarget {
  readonly store: Store;
  readonly queues: QueueNames;
}

interface Outboxes {
  /** @param metric its name @param text the raw metric as JSON @param score Unix time in seconds */
  addMetric(metric: string, text: string, score: number): void;
  add(queue: "events" | "checks", value: string, score: number): void;
  /** Stores waiting records, within a time limit. */
  close(): Promise<void>;
}

export function openOutboxes(
  targets: readonly [StatsdTarget, ...StatsdTarget[]],
  options: Pick<OutboxOptions, "clock" | "counters" | "outage">,
): Outboxes {
  const shares = targets.length;
  const open = ({ store, queues }: StatsdTarget) => {
    // The outage that is reported is that of all shards together.
    const outage = options.outage.part();
    return { outbox: new StatsdOutbox({ ...options, store, outage, shares }), queues };
  };
  const first = open(targets[0]);
  const all = [first, ...targets.slice(1).map(open)];
  // With one store, no name is hashed.
  const targetOf = (metric: string) => (shares === 1 ? first : (all[shardOf(metric, shares)] ?? first));
  let turn = 0;
  return {
    addMetric: (metric, text, score) => {
      const { outbox, queues } = targetOf(metric);
      outbox.add(queues.rawMetrics, text, score);
    },
    add: (queue, value, score) => {
      turn += 1;
      const { outbox, queues } = all[turn % shares] ?? first;
      outbox.add(queues[queue], value, score);
    },
    close: async () => {
      await Promise.all(all.map(({ outbox }) => outbox.close()));
    },
  };
}
