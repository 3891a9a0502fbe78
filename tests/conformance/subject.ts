/** What the conformance suite asks of an engine under test. */
import type { Position, Store, StoredRecord } from "@chouette-iot/queue";

/** A store with its data, which may be closed and opened again. */
export interface Subject {
  /** The store as it is open at the moment. */
  readonly store: Store;
  /** Closes the store, or has it end in some worse way, and opens it again on the same data. */
  reopen(): Promise<void>;
  close(): Promise<void>;
  /** A client that writes beside the store; undefined if the engine has none. */
  readonly client?: Client;
}

/** Stores ids and values apart. */
export interface Client {
  storeId(queue: string, position: Position): Promise<void>;
  storeValue(queue: string, id: string, value: string): Promise<void>;
}

/** What was stored of these records: where the engine has them is its own affair. */
export function asStored(page: readonly StoredRecord[]): readonly Omit<StoredRecord, "place">[] {
  return page.map(({ place: _, ...record }) => record);
}

/** Every record of a queue, or those after a position, read page by page. */
export async function readAll(
  store: Store,
  queue: string,
  { limit = 1_000, ...from }: { readonly limit?: number; readonly after?: Position } = {},
): Promise<readonly Omit<StoredRecord, "place">[]> {
  const page = await store.read(queue, { ...from, limit });
  const after = page.at(-1);
  if (after === undefined) return [];
  return [...asStored(page), ...(await readAll(store, queue, { limit, after }))];
}
