/** What the DogStatsD listener counts, since the agent's start. */
export interface StatsdCounters {
  /** Datagrams, and packets of streams. */
  packets: number;
  bytes: number;
  /** Values of metrics that were taken; a line may have several. */
  values: number;
  /** Values that joined the record of an earlier one. */
  aggregated: number;
  /** Values that went to an `overflow:true` context, at the cardinality limit. */
  overflowed: number;
  events: number;
  serviceChecks: number;
  /** Lines that were refused because they can't be read. */
  invalidLines: number;
  /** Lines that were refused because there were too many new metric names within a second. */
  refusedLines: number;
  /** Records that the store has taken. */
  stored: number;
  /** Records that were dropped because too many waited while the store was unavailable. */
  dropped: number;
  /** Open connections of stream sockets. */
  connections: number;
  /** Connections that were closed: over the limit, or a packet too long. */
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
