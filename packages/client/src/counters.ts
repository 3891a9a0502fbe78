/**
 * Counters of a client's calls. At any time accepted + recovered = aggregated + stored + buffered + spilled + dropped.
 * Refused calls don't count as accepted.
 */

/** Why a call was not accepted. */
export type Refusal =
  | "invalid_metric"
  | "invalid_value"
  | "invalid_timestamp"
  | "invalid_tags"
  | "invalid_log"
  | "closed";

/** Why an accepted record was dropped. */
export type Drop = "buffer_full" | "spill_full" | "spill_torn" | "spill_lost" | "closed";

export class Counters {
  accepted = 0;
  /** Calls that were added to an earlier call's record. */
  aggregated = 0;
  /** Calls that were recorded under their metric's overflow context. */
  overflowed = 0;
  /** Calls that sampling skipped. */
  sampledOut = 0;
  stored = 0;
  /** Records of another client, found in the spill. */
  recovered = 0;
  disconnections = 0;
  readonly refused: Record<Refusal, number> = {
    invalid_metric: 0,
    invalid_value: 0,
    invalid_timestamp: 0,
    invalid_tags: 0,
    invalid_log: 0,
    closed: 0,
  };
  readonly dropped: Record<Drop, number> = {
    buffer_full: 0,
    spill_full: 0,
    spill_torn: 0,
    spill_lost: 0,
    closed: 0,
  };
}
