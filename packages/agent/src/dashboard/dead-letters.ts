/**
 * The newest dead letters. A queue is read from its oldest record on, so that ever longer times are tried until enough
 * are found.
 */
import type { Store } from "@chouette-iot/queue";
import { decodeRejected, type Rejected, type Seconds } from "@chouette-iot/record";

const SHOWN = 10;
/** Records of a page: if more came within a minute, these are among the newest. */
const PAGE = 50;
const AGES = [60, 600, 3_600, 86_400, Number.POSITIVE_INFINITY];

/** Newest first. Rejects if the store does. */
export async function newestDeadLetters(
  store: Store,
  queue: string,
  now: Seconds,
): Promise<readonly Rejected[]> {
  for (const age of AGES) {
    const after = age === Number.POSITIVE_INFINITY ? {} : { after: { score: now - age, id: "" } };
    const page = await store.read(queue, { ...after, limit: PAGE });
    if (page.length < SHOWN && age !== Number.POSITIVE_INFINITY) continue;
    const letters = page.flatMap(({ value }) => (value === undefined ? [] : (decodeRejected(value) ?? [])));
    return letters.slice(-SHOWN).toReversed();
  }
  return [];
}
