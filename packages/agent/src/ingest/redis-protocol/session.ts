/** What the broker remembers of one connection. */
import type { Result } from "./command.js";
import type { Protocol } from "./reply.js";
import { WriteBatch } from "./write-batch.js";

export interface Session {
  /** Rises with every connection since the agent's start. */
  readonly id: number;
  /** Where the client is: `host:port`. */
  readonly address: string;
  authenticated: boolean;
  protocol: Protocol;
  /** Set by CLIENT SETNAME; empty unless it is. */
  name: string;
  transaction: Transaction | undefined;
  /** Keys of the markers that this connection has stored. */
  readonly markers: Set<string>;
  /** Takes no further request, answers those that are under way, and closes the connection. */
  readonly end: () => void;
}

/** What came after a MULTI: checked and gathered, but not carried out. */
export interface Transaction {
  readonly batch: WriteBatch;
  readonly results: Result[];
  /** Whether one of its commands was refused, so that EXEC must refuse them all. */
  refused: boolean;
}

/** What a queued command costs in memory beside its bytes and its batch's, roughly. */
const RESULT_OVERHEAD = 32;

export function newSession(
  identity: Pick<Session, "id" | "address" | "end">,
  authenticated: boolean,
): Session {
  return {
    ...identity,
    authenticated,
    protocol: 2,
    name: "",
    transaction: undefined,
    markers: new Set(),
  };
}

export function newTransaction(): Transaction {
  return { batch: new WriteBatch(), results: [], refused: false };
}

/** What an open transaction holds in memory, in bytes. */
export function bytesOf({ batch, results }: Transaction): number {
  return batch.heldBytes + results.length * RESULT_OVERHEAD;
}
