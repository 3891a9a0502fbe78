/**
 * What a command is, and what it works with: what the connections share, and what is remembered of each.
 */
import type { BrokerStore } from "@chouette-iot/queue";
import type { Milliseconds } from "@chouette-iot/record";
import type { Clock } from "../../runtime/clock.js";
import type { Log } from "../../runtime/log.js";
import type { BrokerCounters } from "./broker-counters.js";
import type { ClientMarkers } from "./client-markers.js";
import type { DurableWrites } from "./durable-writes.js";
import type { MemoryBudget } from "./memory-budget.js";
import type { OneAtATime } from "./one-at-a-time.js";
import type { QueueKeys } from "./queue-keys.js";
import type { Protocol, Reply } from "./reply.js";
import { WriteBatch } from "./write-batch.js";

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
  /** Number of arguments beside the name. */
  readonly arity: readonly [min: number, max: number];
  /** What MULTI makes of it; `queued` unless said. */
  readonly inTransaction?: "queued" | "immediate" | "refused";
  /** Whether a client may call it before it has given the password. */
  readonly noAuth?: true;
}

export function lookup(run: Lookup["run"]): Lookup {
  return { kind: "lookup", run };
}

export function isLookup(result: Result): result is Lookup {
  return typeof result === "object" && result?.kind === "lookup";
}

/** Shared by all connections. */
export interface BrokerContext {
  readonly store: BrokerStore;
  readonly writes: DurableWrites;
  readonly markers: ClientMarkers;
  readonly keys: QueueKeys;
  /** Lookups that go through a queue, so that many clients that look don't keep the agent from its work. */
  readonly walks: OneAtATime;
  /** Of the connections that have given the password, or need none; and of all others together. */
  readonly memory: { readonly clients: MemoryBudget; readonly strangers: MemoryBudget };
  /** How long a client may take to give the password. */
  readonly loginTimeout: Milliseconds;
  /** Undefined if no password is asked for. */
  readonly isPassword: ((attempt: string) => boolean) | undefined;
  readonly counters: BrokerCounters;
  readonly sessions: Set<Session>;
  readonly log: Log;
  readonly clock: Clock;
  /** When it began to listen, on the clock's even run. */
  readonly started: Milliseconds;
}

/** The state of one connection. */
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
  /** Markers that must not change before the next EXEC, each with its version when it was watched. */
  readonly watched: Map<string, number>;
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
    watched: new Map(),
  };
}

export function newTransaction(): Transaction {
  return { batch: new WriteBatch(), results: [], refused: false };
}

/** What an open transaction holds in memory, in bytes. */
export function bytesOf({ batch, results }: Transaction): number {
  return batch.heldBytes + results.length * RESULT_OVERHEAD;
}
