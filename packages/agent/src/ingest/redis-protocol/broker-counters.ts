/** Counters of the embedded broker since the agent's start, for `chouette status`. */
export function newCounters() {
  return {
    /** Open connections. */
    connections: 0,
    /** Connections over the limit, which were closed immediately. */
    refusedConnections: 0,
    /** Connections from other machines that were closed immediately: no password is set, or they didn't use TLS. */
    deniedConnections: 0,
    /** Idle connections that were closed in favour of new ones, at the limit. */
    closedIdle: 0,
    /** Connections that were closed because all together held too much memory. */
    closedForMemory: 0,
    /** Connections that were closed because they didn't log in in time. */
    loginTimeouts: 0,
    /** Commands that were refused with an error, wrong passwords included; failed reads and writes are not. */
    refusedCommands: 0,
    wrongPasswords: 0,
    /** Connections that were closed because of an invalid or too large request. */
    protocolErrors: 0,
    /** Commands and transactions that couldn't be stored, and were answered with an error. */
    failedWrites: 0,
  };
}

export type BrokerCounters = ReturnType<typeof newCounters>;
