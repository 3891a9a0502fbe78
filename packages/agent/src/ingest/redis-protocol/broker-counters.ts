/** Counters of the embedded broker since the agent's start, for `chouette status`. */
export interface BrokerCounters {
  /** Open connections. */
  connections: number;
  /** Connections over the limit, which were closed immediately. */
  refusedConnections: number;
  /** Connections from other machines that were closed immediately: no password is set, or they didn't use TLS. */
  deniedConnections: number;
  /** Idle connections that were closed in favour of new ones, at the limit. */
  closedIdle: number;
  /** Connections that were closed because all together held too much memory. */
  closedForMemory: number;
  /** Connections that were closed because they didn't log in in time. */
  loginTimeouts: number;
  /** Commands that were answered with an error, except wrong passwords and failed writes. */
  refusedCommands: number;
  wrongPasswords: number;
  /** Connections that were closed because of an invalid or too large request. */
  protocolErrors: number;
  /** Commands and transactions that couldn't be stored, and were answered with an error. */
  failedWrites: number;
}

export function newCounters(): BrokerCounters {
  return {
    connections: 0,
    refusedConnections: 0,
    deniedConnections: 0,
    closedIdle: 0,
    closedForMemory: 0,
    loginTimeouts: 0,
    refusedCommands: 0,
    wrongPasswords: 0,
    protocolErrors: 0,
    failedWrites: 0,
  };
}
