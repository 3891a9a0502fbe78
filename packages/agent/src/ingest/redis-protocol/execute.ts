/**
 * Executes a request.
 *
 * A MULTI, or a single command that stores, is one write to the store, answered when it is durable. An error in a queued
 * command is reported immediately, and EXEC then refuses the whole transaction. Redis finds some of these errors only during
 * EXEC and executes the other commands; here a transaction is stored whole or not at all.
 */
import {
  type BrokerContext,
  type Call,
  type Command,
  type CommandResult,
  isLookup,
  type Lookup,
  type Session,
  type Transaction,
} from "./command.js";
import { COMMANDS } from "./commands/command-table.js";
import { type Failure, failure, isFailure, QUEUED, quote, type Reply } from "./reply.js";
import { WriteBatch } from "./write-batch.js";

export type Execution =
  /** The reply is known. */
  | { readonly kind: "now"; readonly reply: Reply }
  /** Being stored; `bytes` is its memory until then. Other requests may begin meanwhile. */
  | { readonly kind: "stored"; readonly reply: Promise<Reply>; readonly bytes: number }
  /** To be run after every earlier request is answered, and before any later one begins. */
  | { readonly kind: "lookup"; run(): Promise<Reply> };

/** Limits of one write to the store, in addition to the memory budget of all connections (memory-budget.ts). */
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;
const MAX_QUEUED_COMMANDS = 20_000;

/** @param bytes length of the request as it was sent */
export function execute(
  args: readonly string[],
  bytes: number,
  session: Session,
  broker: BrokerContext,
): Execution {
  const { transaction } = session;
  const command = permitted(args, session);
  if (isFailure(command)) {
    if (transaction !== undefined) refuse(transaction);
    return refused(command, broker);
  }
  if (transaction !== undefined && (command.inTransaction ?? "queued") === "queued") {
    const reply = queue(command, args, bytes, transaction, { broker, session, batch: transaction.batch });
    return isFailure(reply) ? refused(reply, broker) : { kind: "now", reply };
  }
  const call: Call = { broker, session, batch: new WriteBatch() };
  call.batch.bytes = bytes;
  const result = command.run(args, call);
  return isFailure(result) ? refused(result, broker) : executionOf(result, call.batch, broker);
}

function permitted(args: readonly string[], { authenticated, transaction }: Session): Command | Failure {
  const name = args[0] ?? "";
  const command = COMMANDS.get(name.toUpperCase());
  if (!authenticated && command?.noAuth !== true) return failure("NOAUTH Authentication required.");
  if (command === undefined) return failure(`ERR unknown command ${quote(name)}`);
  const [min, max] = command.arity;
  if (args.length - 1 < min || args.length - 1 > max)
    return failure(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
  if (transaction !== undefined && command.inTransaction === "refused")
    return failure("ERR Command not allowed inside a transaction");
  return command;
}

function queue(
  command: Command,
  args: readonly string[],
  bytes: number,
  transaction: Transaction,
  call: Call,
): Reply {
  // Nothing will be stored: further commands needn't be kept.
  if (transaction.refused) return QUEUED;
  const { batch, results } = transaction;
  batch.bytes += bytes;
  if (batch.bytes > MAX_QUEUED_BYTES || results.length >= MAX_QUEUED_COMMANDS) {
    refuse(transaction);
    return failure(
      `ERR a transaction is at most ${MAX_QUEUED_COMMANDS} commands and ${MAX_QUEUED_BYTES} bytes`,
    );
  }
  const result = command.run(args, call);
  if (isFailure(result)) {
    refuse(transaction);
    return result;
  }
  results.push(result);
  return QUEUED;
}

function refuse(transaction: Transaction): void {
  transaction.refused = true;
  transaction.batch.clear();
  transaction.results.length = 0;
}

function refused(reply: Failure, broker: BrokerContext): Execution {
  broker.counters.refusedCommands++;
  return { kind: "now", reply };
}

function executionOf(result: CommandResult, batch: WriteBatch, broker: BrokerContext): Execution {
  if (isLookup(result)) return { kind: "lookup", run: () => writeAndLook(batch, result, broker) };
  if (batch.empty) return { kind: "now", reply: result };
  const bytes = batch.heldBytes;
  const writing = broker.writes.write(batch);
  if (!(writing instanceof Promise)) return { kind: "now", reply: writing ?? result };
  const reply = writing.then((failed) => failed ?? result);
  return { kind: "stored", reply, bytes };
}

async function writeAndLook(batch: WriteBatch, { run }: Lookup, broker: BrokerContext): Promise<Reply> {
  const failed = batch.empty ? undefined : await broker.writes.write(batch);
  if (failed !== undefined) return failed;
  try {
    return await run(broker.store);
  } catch (error) {
    broker.log.error({ err: error }, "can't read from the store for a client");
    return failure("ERR Chouette can't read its store");
  }
}
