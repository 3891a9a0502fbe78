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

export function newSession(
  identity: Pick<Session, "id" | "address" | "end">,
  authenticated: boolean,
): Session {
  return { ...identity, authenticated, protocol: 2, name: "", transaction: undefined };
}

export function newTransaction(): Transaction {
  return { batch: new WriteBatch(), results: [], refused: false };
}
