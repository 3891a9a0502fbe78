/** What the broker counts, for `chouette status`; since the agent's start. */
export interface BrokerCounters {
  /** Connections that are open. */
  connections: number;
  /** Connections that came over the limit and were closed immediately. */
  refusedConnections: number;
  /** Connections from another machine that were closed immediately, because no password is set. */
  deniedConnections: number;
  /** Idle connections that were closed in favour of new ones, at the limit. */
  closedIdle: number;
  /** Connections that were closed because all of them together held too much memory. */
  closedForMemory: number;
  /** Connections that were closed because they didn't give the password in time. */
  loginTimeouts: number;
  /** Commands that were answered with an error, wrong passwords and failed writes aside. */
  refusedCommands: number;
  wrongPasswords: number;
  /** Connections that were closed because what they sent is no request, or too big a one. */
  protocolErrors: number;
  /** Commands and transactions that the store couldn't write, and that were answered with an error. */
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
