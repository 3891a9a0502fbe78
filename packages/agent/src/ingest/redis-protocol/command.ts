/** What a command is: the contract between the table of commands and whoever executes them. */
import type { BrokerStore } from "@chouette-iot/queue";
import type { BrokerContext } from "./context.js";
import type { Reply } from "./reply.js";
import type { Session } from "./session.js";
import type { WriteBatch } from "./write-batch.js";

/** A reply that must be looked up in the store, once all that the connection stored before is durable. */
export interface Lookup {
  readonly kind: "lookup";
  run(store: BrokerStore): Promise<Reply>;
}

export type Result = Reply | Lookup;

export interface Call {
  readonly broker: BrokerContext;
  readonly session: Session;
  /** Takes what the command stores: written before the result is answered, unless the result is a failure. */
  batch: WriteBatch;
}

export interface Command {
  /**
   * Checks the arguments, of which the first is the command's name, and says what to answer. It changes
   * nothing but the session and the call's batch.
   */
  run(args: readonly string[], call: Call): Result;
  /** The fewest and the most arguments beside the name. */
  readonly takes: readonly [fewest: number, most: number];
  /** What MULTI makes of it; `queued` unless said. */
  readonly inTransaction?: "queued" | "immediate" | "refused";
  /** Whether it is open to those who haven't given the password. */
  readonly beforeLogin?: true;
}

export function lookup(run: Lookup["run"]): Lookup {
  return { kind: "lookup", run };
}

export function isLookup(result: Result): result is Lookup {
  return typeof result === "object" && result?.kind === "lookup";
}
