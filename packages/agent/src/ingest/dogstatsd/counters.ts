/** Counters of DogStatsD since the agent's start. */
export function newStatsdCounters() {
  return {
    /** Datagrams, and packets of streams. */
    packets: 0,
    bytes: 0,
    /** Accepted values of metrics; a line may have several. */
    values: 0,
    /** Values that were combined with earlier ones into one record. */
    aggregated: 0,
    /** Values that went to an `overflow:true` context because of the cardinality limit. */
    overflowed: 0,
    events: 0,
    serviceChecks: 0,
    /** Invalid lines. */
    invalidLines: 0,
    /** Lines that were refused because there were too many new metric names within a second. */
    refusedLines: 0,
    /** Stored records. */
    stored: 0,
    /** Records that were dropped because too many waited while the store was unavailable. */
    dropped: 0,
    /** Open connections of stream sockets. */
    connections: 0,
    /** Connections that were closed: over the limit, or with a packet that was too long. */
    closedConnections: 0,
  };
}

export type StatsdCounters = ReturnType<typeof newStatsdCounters>;
