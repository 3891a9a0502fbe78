/**
 * The queues' names in the broker, as the original has them.
 *
 * A queue `Q` is the sorted set `Q.keys` and the hash `Q.values`. A shard (`chouette:{3}`) in place of the
 * namespace gives their own queues, which a Redis Cluster keeps together in one slot.
 */

export interface QueueNames {
  readonly rawMetrics: string;
  readonly readyMetrics: string;
  readonly logs: string;
  /** Ours, as the following: events on their way to Datadog. */
  readonly events: string;
  readonly checks: string;
  /** Distributions of closed windows. */
  readonly sketches: string;
  /** Ours: what can't be used or was refused, each with its reason. */
  readonly rejected: string;
}

export const NAMESPACE = "chouette";

export function queueNames(namespace: string = NAMESPACE): QueueNames {
  return {
    rawMetrics: `${namespace}:metrics:raw`,
    readyMetrics: `${namespace}:metrics:wrapped`,
    logs: `${namespace}:logs:wrapped`,
    events: `${namespace}:events:wrapped`,
    checks: `${namespace}:checks:wrapped`,
    sketches: `${namespace}:sketches:wrapped`,
    rejected: `${namespace}:rejected`,
  };
}
