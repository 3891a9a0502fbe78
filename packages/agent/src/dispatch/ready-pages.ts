/**
 * A ready queue, page by page: its records decoded, without those that may not be sent now.
 *
 * Promises: a record that can't be decoded, or whose decoder throws, becomes a dead letter with its reason and affects no
 * other. A record that may not be sent now stays in the queue.
 */
import { absentValueReason, pages, type StoredRecord } from "@chouette-iot/queue";
import { messageOf, type Result } from "@chouette-iot/record";
import type { SendPolicy } from "./byte-budget.js";
import { type DeliveryOptions, type Entry, reject } from "./delivery.js";
import type { Decoder } from "./ready-decoder.js";

export interface PageOptions<T> extends DeliveryOptions<T> {
  readonly decode: Decoder<T>;
  /** Called before each page. */
  sendPolicy(): SendPolicy<T>;
  /** The maximum number of records in a batch. */
  readonly batchSize: number;
}

/** In seconds since the epoch: scores of at least `from`, and below `before`. */
export interface ScoreRange {
  readonly from: number;
  readonly before: number;
}

/** Numbers of records that aren't in the pages. */
export interface PageTally {
  rejected: number;
  /** Records that may not be sent now; the whole queue's if none may. */
  deferred: number;
}

/** Records per page. A batch is read in pages, so that not all of its records are in memory both as text and decoded. */
const PAGE = 1_000;

/** Ends at the end of the range, or once nothing may be sent. */
export async function* admittedPages<T>(
  options: PageOptions<T>,
  { from, before }: ScoreRange,
  tally: PageTally,
): AsyncGenerator<readonly Entry<T>[]> {
  const { store, queue, batchSize } = options;
  const limit = Math.min(batchSize, PAGE);
  let sendPolicy = options.sendPolicy();
  const all = pages(store, queue, { after: { score: from, id: "" }, before, limit });
  while (sendPolicy !== false) {
    const { value: page } = await all.next();
    if (page === undefined) return;
    const entries = await decodePage(await options.delivered.withoutDelivered(page), options, tally);
    const admits = sendPolicy;
    const admitted = admits === true ? entries : entries.filter(({ record, id }) => admits(record, id));
    tally.deferred += entries.length - admitted.length;
    yield admitted;
    sendPolicy = options.sendPolicy();
  }
  tally.deferred = await store.size(queue);
}

async function decodePage<T>(
  page: readonly StoredRecord[],
  options: PageOptions<T>,
  tally: PageTally,
): Promise<readonly Entry<T>[]> {
  const entries: Entry<T>[] = [];
  const unusable: (StoredRecord & { readonly reason: string })[] = [];
  for (const stored of page) {
    const { score, id, value } = stored;
    const decoded = tryDecode(stored, options);
    if (!decoded.ok) unusable.push({ score, id, value, reason: decoded.reason });
    else entries.push({ score, id, value: value ?? "", record: decoded.value });
  }
  if (unusable.length > 0) await reject(unusable, options);
  tally.rejected += unusable.length;
  return entries;
}

function tryDecode<T>(stored: StoredRecord, { decode }: PageOptions<T>): Result<T> {
  if (stored.value === undefined) return { ok: false, reason: absentValueReason(stored) };
  try {
    return decode(stored.value, stored.id);
  } catch (error) {
    return { ok: false, reason: `can't be decoded: ${messageOf(error)}` };
  }
}
