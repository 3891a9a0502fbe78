/**
 * Reads the newest dead letters. A queue can only be read from a time on, so ever longer times are tried until enough are found.
 */
import type { Store, StoredRecord } from "@chouette-iot/queue";
import { decodeRejected, type Rejected, type Seconds } from "@chouette-iot/record";
import type { StatusShard } from "../status/store-snapshot.js";

const SHOWN = 10;
/** Records per page. If more came within a minute, those shown may not be the newest of that minute. */
const PAGE = 50;
const AGES = [60, 600, 3_600, 86_400, Number.POSITIVE_INFINITY];

/** Newest first. Rejects if the store does. */
export async function newestDeadLetters(
  shards: readonly Pick<StatusShard, "store" | "queues">[],
  now: Seconds,
): Promise<readonly Rejected[]> {
  const letters = await Promise.all(shards.map(({ store, queues }) => newestIn(store, queues.rejected, now)));
  const [only = [], ...others] = letters;
  if (others.length === 0) return only;
  return letters
    .flat()
    .sort((a, b) => b.at - a.at)
    .slice(0, SHOWN);
}

async function newestIn(store: Store, queue: string, now: Seconds): Promise<readonly Rejected[]> {
  let newest: readonly StoredRecord[] = [];
  for (const age of AGES) {
    const after = age === Number.POSITIVE_INFINITY ? {} : { after: { score: now - age, id: "" } };
    const page = await store.read(queue, { ...after, limit: PAGE });
    // A full page may end before the records of the shorter time.
    const ids = new Set(page.map(({ id }) => id));
    newest = [...page, ...newest.filter(({ id }) => !ids.has(id))];
    if (newest.length >= SHOWN) break;
  }
  const letters = newest.flatMap(({ value }) => (value === undefined ? [] : (decodeRejected(value) ?? [])));
  return letters.slice(-SHOWN).toReversed();
}
