/**
 * MULTI and what ends it. What is queued in between is stored by EXEC, in one step.
 *
 * WATCH is there for clients' markers alone: EXEC then stores nothing if one of them was written meanwhile. What was written
 * before is found by a GET that follows.
 */

import { MAX_OF_CONNECTION } from "../client-markers.js";
import { type Call, isLookup, lookup, newTransaction, type Result } from "../command.js";
import { isMarkerKey, shown } from "../queue-keys.js";
import { failure, lengthOf, list, MAX_ANSWER_LENGTH, OK, type Reply } from "../reply.js";

export function multi(_args: readonly string[], { session }: Call): Result {
  if (session.transaction !== undefined) return failure("ERR MULTI calls can not be nested");
  session.transaction = newTransaction();
  return OK;
}

export function exec(_args: readonly string[], call: Call): Result {
  const { broker, session } = call;
  const { transaction, watched } = session;
  if (transaction === undefined) return failure("ERR EXEC without MULTI");
  session.transaction = undefined;
  const isChanged = [...watched].some(([key, version]) => broker.markers.versionOf(key) !== version);
  watched.clear();
  if (transaction.refused) return failure("EXECABORT Transaction discarded because of previous errors.");
  if (isChanged) return null;
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
  session.watched.clear();
  return OK;
}

/** Of anything else it is refused: an OK would promise that EXEC looks whether that has changed. */
export function watch([, ...keys]: readonly string[], { broker, session }: Call): Result {
  if (session.transaction !== undefined) return failure("ERR WATCH inside MULTI is not allowed");
  const other = keys.find((key) => !isMarkerKey(key));
  if (other !== undefined)
    return failure(`ERR ${shown(other)} is not a client's marker: Chouette's broker watches no other keys`);
  if (session.watched.size + keys.length > MAX_OF_CONNECTION)
    return failure(`ERR a connection watches at most ${MAX_OF_CONNECTION} markers`);
  // As in Redis, a key that is watched already keeps its first version.
  for (const key of keys)
    if (!session.watched.has(key)) session.watched.set(key, broker.markers.versionOf(key));
  // A version is another one from when its writing begins: a GET that follows waits for that.
  return OK;
}

export function unwatch(_args: readonly string[], { session }: Call): Result {
  session.watched.clear();
  return OK;
}
