/**
 * Transactions: EXEC stores what was queued since MULTI in one step.
 *
 * WATCH supports only clients' markers: EXEC stores nothing if one of them was written since. A GET after WATCH returns what was
 * written before.
 */
import { MAX_OF_CONNECTION } from "../client-markers.js";
import { type Call, type CommandResult, isLookup, lookup, newTransaction } from "../command.js";
import { isMarkerKey } from "../queue-keys.js";
import { failure, lengthOf, list, MAX_ANSWER_LENGTH, NO_LIST, OK, quote, type Reply } from "../reply.js";

export function multi(_args: readonly string[], { session }: Call): CommandResult {
  if (session.transaction !== undefined) return failure("ERR MULTI calls can not be nested");
  session.transaction = newTransaction();
  return OK;
}

export function exec(_args: readonly string[], call: Call): CommandResult {
  const { broker, session } = call;
  const { transaction, watched } = session;
  if (transaction === undefined) return failure("ERR EXEC without MULTI");
  session.transaction = undefined;
  const isChanged = [...watched].some(([key, version]) => broker.markers.versionOf(key) !== version);
  watched.clear();
  if (transaction.refused) return failure("EXECABORT Transaction discarded because of previous errors.");
  if (isChanged) return NO_LIST;
  call.batch = transaction.batch;
  return together(transaction.results);
}

const TOO_LONG = failure(
  `ERR Chouette's broker returns at most ${MAX_ANSWER_LENGTH} bytes of looked-up values in a transaction`,
);

/** Lookups in a transaction see everything that the transaction stores. */
function together(results: readonly CommandResult[]): CommandResult {
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

export function discard(_args: readonly string[], { session }: Call): CommandResult {
  if (session.transaction === undefined) return failure("ERR DISCARD without MULTI");
  session.transaction = undefined;
  session.watched.clear();
  return OK;
}

/** Refused for any other key: an OK would promise that EXEC notices its changes. */
export function watch([, ...keys]: readonly string[], { broker, session }: Call): CommandResult {
  if (session.transaction !== undefined) return failure("ERR WATCH inside MULTI is not allowed");
  const other = keys.find((key) => !isMarkerKey(key));
  if (other !== undefined)
    return failure(`ERR ${quote(other)} is not a client's marker: Chouette's broker watches no other keys`);
  if (session.watched.size + keys.length > MAX_OF_CONNECTION)
    return failure(`ERR a connection watches at most ${MAX_OF_CONNECTION} markers`);
  // As in Redis, a key that is watched already keeps its first version.
  for (const key of keys)
    if (!session.watched.has(key)) session.watched.set(key, broker.markers.versionOf(key));
  // A marker's version changes when its write begins: a GET that follows waits for the write.
  return OK;
}

export function unwatch(_args: readonly string[], { session }: Call): CommandResult {
  session.watched.clear();
  return OK;
}
