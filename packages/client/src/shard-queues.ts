/**
 * Which shard's queue a record goes to. A metric's shard follows from its name; logs, events and checks go round, batch by
 * batch.
 *
 * Records are spilled without a shard, and get one when they are drained, since the number of shards may have grown meanwhile.
 */
import { type QueueNames, queueNames, shardNamespace } from "@chouette-iot/queue";
import { shardOf } from "@chouette-iot/record";
import type { Metric, MetricContext } from "@chouette-iot/record/calls";
import { addRow, emptyRows, type Rows } from "./rows.js";

const plain = queueNames();

export class ShardQueues {
  readonly #shards: readonly QueueNames[];
  readonly #byMetric = new WeakMap<Metric, string>();
  /** Number of batches of texts that were begun. At random first: short programs should not all use one shard. */
  #begun = Math.floor(Math.random() * 1_000);
  readonly #texts = { logs: "", events: "", checks: "" };

  constructor(shards: number) {
    this.#shards = Array.from({ length: shards }, (_, shard) => queueNames(shardNamespace(shard)));
  }

  /** The queue of a metric. */
  metrics({ metric }: MetricContext): string {
    let queue = this.#byMetric.get(metric);
    if (queue === undefined) {
      queue = this.#names(shardOf(metric.name, this.#shards.length)).rawMetrics;
      this.#byMetric.set(metric, queue);
    }
    return queue;
  }

  /** The queue of the next log, event or check: the last one, as long as its batch is open. */
  texts(kind: "logs" | "events" | "checks", isOpen: (queue: string) => boolean): string {
    if (!isOpen(this.#texts[kind])) this.#texts[kind] = this.#names(this.#begun++)[kind];
    return this.#texts[kind];
  }

  /** The records of a spilled batch, by shard. @param position of the batch: repeated, it is split in the same way */
  split(rows: Rows, position: number): readonly Rows[] {
    const { queue, scores, ids, values } = rows;
    const kind = (["logs", "events", "checks"] as const).find((name) => plain[name] === queue);
    if (kind !== undefined) return [{ ...rows, queue: this.#names(position)[kind] }];
    const parts = new Map<string, Rows>();
    for (const [row, value] of values.entries()) {
      const { rawMetrics } = this.#names(shardOf(metricIn(value), this.#shards.length));
      const part = parts.get(rawMetrics) ?? emptyRows(rawMetrics);
      parts.set(rawMetrics, part);
      addRow(part, scores[row] ?? "", ids[row] ?? "", value);
    }
    return [...parts.values()];
  }

  #names(number: number): QueueNames {
    return this.#shards[number % this.#shards.length] ?? plain;
  }
}

/** The name of a metric's record; empty if it can't be read, which the agent will find out. */
function metricIn(value: string): string {
  try {
    return String(JSON.parse(value).metric);
  } catch {
    return "";
  }
}
