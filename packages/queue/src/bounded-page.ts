/** The bounds of a page in bytes, for engines that hold a record's value by the time they know its size. */
import { MAX_PAGE_BYTES, MAX_VALUE_BYTES } from "./store.js";

interface MaybeValued {
  readonly value: string | undefined;
  readonly oversizeBytes?: number;
}

/**
 * The first of these that fit into a page, at least one. Takes no more than one beyond from the iterable, and holds
 * no value over {@link MAX_VALUE_BYTES}.
 */
export function boundedPage<T extends MaybeValued>(records: Iterable<T>): readonly T[] {
  const page: T[] = [];
  let bytes = 0;
  for (const each of records) {
    const record = boundedRecord(each);
    bytes += record.value === undefined ? 0 : Buffer.byteLength(record.value);
    if (bytes > MAX_PAGE_BYTES && page.length > 0) break;
    page.push(record);
  }
  return page;
}

/** The record, without a value that is too large to be handed out. */
export function boundedRecord<T extends MaybeValued>(record: T): T {
  const { value } = record;
  // A character has at most three bytes for each of its units: most values need no counting.
  if (value === undefined || value.length * 3 <= MAX_VALUE_BYTES) return record;
  const size = Buffer.byteLength(value);
  return size > MAX_VALUE_BYTES ? { ...record, value: undefined, oversizeBytes: size } : record;
}

/** Why a record has no value, for its dead letter. */
export function absentValueReason({ oversizeBytes }: MaybeValued): string {
  if (oversizeBytes === undefined) return "an id without a value";
  return `a value of ${oversizeBytes} bytes, over the limit of ${MAX_VALUE_BYTES}`;
}
