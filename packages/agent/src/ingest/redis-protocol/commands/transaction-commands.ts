/** MULTI and what ends it. What is queued in between is stored by EXEC, in one step. */
import { type Call, isLookup, lookup, newTransaction, type Result } from "../command.js";
import { failure, lengthOf, list, MAX_ANSWER_LENGTH, OK, type Reply } from "../reply.js";

export function multi(_args: readonly string[], { session }: Call): Result {
  if (session.transaction !== undefined) return failure("ERR MULTI calls can not be nested");
  session.transaction = newTransaction();
  return OK;
}

export function exec(_args: readonly string[], call: Call): Result {
  const { transaction } = call.session;
  if (transaction === undefined) return failure("ERR EXEC without MULTI");
  call.session.transaction = undefined;
  if (transaction.refused) return failure("EXECABORT Transaction discarded because of previous errors.");
  call.batch = transaction.batch;
  return together(transaction.results);
}

const TOO_LONG = failure(
  `ERR Chouette's broker answers a transaction with at most ${MAX_ANSWER_LENGTH} bytes of what it looks up`,
);

/** What a transaction looks up is seen as it is after all that the transaction stores. */
function together(results: readonly Result[]): Result {
  const replies = results.filter((result): result is Reply => !isLookup(result));
  if (replies.length === results.length) return list(replies);
  return lookup(async (store) => {
    const items: Reply[] = [];
    let length = 0;
    for (const result of results) {
      const isTooLong = length > MAX_ANSWER_LENGTH;
      const item = !isLookup(result) ? result : isTooLong ? TOO_LONG : await result.run(store);
      length += lengthOf(item);
      items.push(item);
    }
    return list(items);
  });
}

export function discard(_args: readonly string[], { session }: Call): Result {
  if (session.transaction === undefined) return failure("ERR DISCARD without MULTI");
  session.transaction = undefined;
  return OK;
}

/** Refused, because an OK would promise that EXEC looks whether something has changed. */
export function watch(_args: readonly string[], { session }: Call): Result {
  if (session.transaction !== undefined) return failure("ERR WATCH inside MULTI is not allowed");
  return failure("ERR Chouette's broker doesn't support WATCH");
}

export function unwatch(): Result {
  return OK;
}
