/** Bounds a page in bytes, for engines that learn a value's size only when they have read it. */
import { MAX_PAGE_BYTES, MAX_VALUE_BYTES } from "./store.js";

interface MaybeValued {
  readonly value: string | undefined;
  readonly oversizeBytes?: number;
}

/**
 * The first records that fit into a page, at least one. Reads at most one more from the iterable, and keeps no value over
 * {@link MAX_VALUE_BYTES}.
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

/** The record, without its value if that is over {@link MAX_VALUE_BYTES}. */
export function boundedRecord<T extends MaybeValued>(record: T): T {
  const { value } = record;
  // UTF-8 takes at most three bytes per UTF-16 unit: most values needn't be measured.
  if (value === undefined || value.length * 3 <= MAX_VALUE_BYTES) return record;
  const size = Buffer.byteLength(value);
  return size > MAX_VALUE_BYTES ? { ...record, value: undefined, oversizeBytes: size } : record;
}

/** The reason for the dead letter of a record without a value. */
export function absentValueReason({ oversizeBytes }: MaybeValued): string {
  if (oversizeBytes === undefined) return "an id without a value";
  return `a value of ${oversizeBytes} bytes, over the limit of ${MAX_VALUE_BYTES}`;
}
