/** Counters of DogStatsD since the agent's start. */
export interface StatsdCounters {
  /** Datagrams, and packets of streams. */
  packets: number;
  bytes: number;
  /** Accepted values of metrics; a line may have several. */
  values: number;
  /** Values that were combined with an earlier one to one record. */
  aggregated: number;
  /** Values that went to an `overflow:true` context because of the cardinality limit. */
  overflowed: number;
  events: number;
  serviceChecks: number;
  /** Invalid lines. */
  invalidLines: number;
  /** Lines that were refused because there were too many new metric names within a second. */
  refusedLines: number;
  /** Stored records. */
  stored: number;
  /** Records that were dropped because too many waited while the store was unavailable. */
  dropped: number;
  /** Open connections of stream sockets. */
  connections: number;
  /** Connections that were closed: over the limit, or with a packet that was too long. */
  closedConnections: number;
}

export function newStatsdCounters(): StatsdCounters {
  return {
    packets: 0,
    bytes: 0,
    values: 0,
    aggregated: 0,
    overflowed: 0,
    events: 0,
    serviceChecks: 0,
    invalidLines: 0,
    refusedLines: 0,
    stored: 0,
    dropped: 0,
    connections: 0,
    closedConnections: 0,
  };
}
