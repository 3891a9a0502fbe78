/**
 * The ways in which records enter and leave a queue, and their counters.
 *
 * Each counter is raised in the same settlement as the change that it counts. So at any time, for each queue,
 * accepted = delivered (or aggregated) + pending + dropped, whatever crashed in between.
 */

export type Disposition =
  /** Written to the queue by Chouette itself. Clients' writes aren't counted: they are the sum of the rest. */
  | "accepted"
  /** A raw record that became part of a ready metric. */
  | "aggregated"
  /** Moved from the queue of a client without shards to its metric's shard. */
  | "routed"
  /** Accepted by the intake. */
  | "delivered"
  /** Became a dead letter, with a reason. */
  | "rejected"
  /** Older than its time to live. */
  | "expired"
  /** Older than Datadog ingests: sending it would have been useless. */
  | "too_old"
  /** Of a metric that the settings exclude: METRICS_ALLOW, METRICS_BLOCK. */
  | "filtered"
  /** Removed by the size limit of its queue. */
  | "evicted"
  /** Replaced by a later value for the same second before it was sent. */
  | "superseded"
  /** Joined with a point of its series, or left out for one: BACKLOG_RESOLUTION. */
  | "thinned"
  /** In a part of the store's files that could not be read. */
  | "damaged"
  /** Removed by the size limit of the store, for newer or more important records. */
  | "displaced"
  /** Evicted by Redis, with its whole key. */
  | "evicted_by_redis"
  /** A dead letter that a person returned to its queue. */
  | "requeued"
  /** Deleted by a person. */
  | "purged";

/** The name of the counter of a queue's losses of unknown size: of incidents, not of records. */
export function unknownLossCounter(queue: string): string {
  return `${queue}:unknown_losses`;
}

/** The name of the counter of a queue's records with this disposition. */
export function counterName(queue: string, disposition: Disposition): string {
  return `${queue}:${disposition}`;
}
