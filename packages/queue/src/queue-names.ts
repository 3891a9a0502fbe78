/**
 * The names of the queues in the broker, those of the original where it has them.
 *
 * A queue `Q` is the sorted set `Q.keys` and the hash `Q.values`. With a shard (`chouette:{3}`) as the namespace, each
 * shard has its own queues, which a Redis Cluster keeps in one slot.
 */

export interface QueueNames {
  readonly rawMetrics: string;
  readonly readyMetrics: string;
  readonly logs: string;
  /** This and the following queues are ours, unknown to the original. */
  readonly events: string;
  readonly checks: string;
  /** Ready sketches: distributions of closed windows. */
  readonly sketches: string;
  /** Dead letters, each with its reason. */
  readonly rejected: string;
}

export const NAMESPACE = "chouette";

/** @param namespace the prefix of all names, such as that of a shard */
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
