/** Counters of a client's calls. */

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
  /** Calls that were accepted. */
  accepted = 0;
  /** Accepted calls that were added to an earlier call's record. */
  aggregated = 0;
  /** Accepted calls that were recorded with `overflow:true`. */
  overflowed = 0;
  /** Calls that sampling skipped; not included in `accepted`. */
  sampledOut = 0;
  /** Records that the broker has confirmed. */
  stored = 0;
  /** Records of an earlier process, found in the spill. */
  recovered = 0;
  /** Number of times that an established connection ended. */
  disconnections = 0;
  /** Calls that were not accepted, by reason. */
  readonly refused: Record<Refusal, number> = {
    invalid_metric: 0,
    invalid_value: 0,
    invalid_timestamp: 0,
    invalid_tags: 0,
    invalid_log: 0,
    closed: 0,
  };
  /** Accepted records that were dropped, by reason. */
  readonly dropped: Record<Drop, number> = {
    buffer_full: 0,
    spill_full: 0,
    spill_torn: 0,
    spill_lost: 0,
    closed: 0,
  };
}
