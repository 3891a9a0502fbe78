/**
 * What becomes of records, and the counters that say so.
 *
 * Each counter is raised in the settlement that makes it true, so that at any time, for each queue,
 * accepted = delivered (or aggregated) + pending + dropped, whatever crashed in between.
 */

export type Disposition =
  /** Written to the queue by Chouette itself. What clients write isn't counted: it is the sum of the rest. */
  | "accepted"
  /** A raw record became part of a ready metric. */
  | "aggregated"
  /** The intake took it. */
  | "delivered"
  /** Made a dead letter, with its reason. */
  | "rejected"
  /** Older than it may become. */
  | "expired"
  /** Older than Datadog ingests: it would have been sent for nothing. */
  | "too_old"
  /** Of a metric that the settings keep out: METRICS_ALLOW, METRICS_BLOCK. */
  | "filtered"
  /** Pushed out by the bound of its queue. */
  | "evicted"
  /** A later value for the same second took its place before it was sent. */
  | "superseded"
  /** It was in a part of the store's file that could no longer be read. */
  | "damaged"
  /** The store had reached its size: it gave way to what is newer or matters more. */
  | "displaced"
  /** Redis evicted it, with the whole key that it was in. */
  | "evicted_by_redis"
  /** A person took it out of the rejected queue and had it put back where it came from. */
  | "requeued"
  /** A person threw it away. */
  | "purged";

/** The name of the counter of how often a queue lost records whose number nobody knows. */
export function unknownLossCounter(queue: string): string {
  return `${queue}:unknown_losses`;
}

/** The name of the counter of a queue's records that left it in this way. */
export function counterName(queue: string, disposition: Disposition): string {
  return `${queue}:${disposition}`;
}
