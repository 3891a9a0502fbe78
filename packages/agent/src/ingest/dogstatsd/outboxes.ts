/**
 * The outboxes of DogStatsD: one for each shard, or one for the whole store.
 *
 * A metric goes to its shard, like that of a client; events and checks go round.
 */
import type { QueueNames, Store } from "@chouette-iot/queue";
import { shardOf } from "@chouette-iot/record";
import { type OutboxOptions, StatsdOutbox } from "./outbox.js";

/** A store and its queues. */
export interface StatsdTarget {
  readonly store: Store;
  readonly queues: QueueNames;
}

export interface Outboxes {
  /** @param text a raw metric as JSON @param score Unix time in seconds */
  addMetric(text: string, score: number): void;
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
    // An outage of each is a part of the outage of all.
    const outage = shares === 1 ? options.outage : options.outage.part();
    return { outbox: new StatsdOutbox({ ...options, store, outage, shares }), queues };
  };
  const first = open(targets[0]);
  const all = [first, ...targets.slice(1).map(open)];
  let turn = 0;
  return {
    addMetric: (text, score) => {
      const { outbox, queues } = all[shares === 1 ? 0 : shardOf(metricIn(text), shares)] ?? first;
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

/** The name in the JSON that DogStatsD itself has made. */
function metricIn(text: string): string {
  return (JSON.parse(text) as { readonly metric: string }).metric;
}
