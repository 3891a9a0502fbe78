/** The interface of a command, the state that connections share, and the state of each connection. */
import type { BrokerStore } from "@chouette-iot/queue";
import type { Milliseconds } from "@chouette-iot/record";
import type { Clock } from "../../runtime/clock.js";
import type { Log } from "../../runtime/log.js";
import type { OneAtATime } from "../../runtime/promises.js";
import type { BrokerCounters } from "./broker-counters.js";
import type { ClientMarkers } from "./client-markers.js";
import type { DurableWrites } from "./durable-writes.js";
import type { MemoryBudget } from "./memory-budget.js";
import type { QueueKeys } from "./queue-keys.js";
import type { Protocol, Reply } from "./reply.js";
import { WriteBatch } from "./write-batch.js";

/** A reply that has to be read from the store, after everything that the connection stored before is durable. */
export interface Lookup {
  readonly kind: "lookup";
  run(store: BrokerStore): Promise<Reply>;
}

export type CommandResult = Reply | Lookup;

export interface Call {
  readonly broker: BrokerContext;
  readonly session: Session;
  /** Collects what the command stores. It is stored before the reply, unless the result is a failure. */
  batch: WriteBatch;
}

export interface Command {
  /**
   * Checks the arguments, the first of which is the command's name, and returns the reply. It changes only the session and
   * the call's batch.
   */
  run(args: readonly string[], call: Call): CommandResult;
  /** Number of arguments after the name. */
  readonly arity: readonly [min: number, max: number];
  /** How it is handled after MULTI; `queued` by default. */
  readonly inTransaction?: "queued" | "immediate" | "refused";
  /** Whether a client may call it before the login. */
  readonly noAuth?: true;
}

export function lookup(run: Lookup["run"]): Lookup {
  return { kind: "lookup", run };
}

export function isLookup(result: CommandResult): result is Lookup {
  return typeof result === "object" && result?.kind === "lookup";
}

/** Shared by all connections. */
export interface BrokerContext {
  readonly store: BrokerStore;
  readonly writes: DurableWrites;
  readonly markers: ClientMarkers;
  readonly keys: QueueKeys;
  /** Lookups that scan a queue: one at a time, so that many of them don't keep the agent from its work. */
  readonly scans: OneAtATime;
  /** Budgets of the connections that are logged in or need no password, and of all others. */
  readonly memory: { readonly clients: MemoryBudget; readonly unauthenticated: MemoryBudget };
  /** Time limit for the login. */
  readonly loginTimeout: Milliseconds;
  /** Undefined if no password is required. */
  readonly isPassword: ((attempt: string) => boolean) | undefined;
  readonly counters: BrokerCounters;
  readonly sessions: Set<Session>;
  readonly log: Log;
  readonly clock: Clock;
  /** When it started to listen, on the monotonic clock. */
  readonly started: Milliseconds;
}

/** The state of one connection. */
export interface Session {
  /** Increases with every connection. */
  readonly id: number;
  /** The client's address, `host:port`. */
  readonly address: string;
  authenticated: boolean;
  protocol: Protocol;
  /** Set by CLIENT SETNAME; empty before. */
  name: string;
  transaction: Transaction | undefined;
  /** Keys of the markers that this connection has stored. */
  readonly markers: Set<string>;
  /** Markers that must not change before the next EXEC, each with its version when it was watched. */
  readonly watched: Map<string, number>;
  /** Accepts no further requests, answers those in progress, and closes the connection. */
  readonly end: () => void;
}

/** The commands after a MULTI: checked and collected, but not executed. */
export interface Transaction {
  readonly batch: WriteBatch;
  readonly results: CommandResult[];
  /** Whether one of its commands was refused: then EXEC refuses all of them. */
  refused: boolean;
}

/** Approximate memory of a queued command, besides its bytes and its batch. */
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

/** Bytes that an open transaction holds in memory. */
export function bytesOf({ batch, results }: Transaction): number {
  return batch.heldBytes + results.length * RESULT_OVERHEAD;
}
