/** The interface of an engine under test in the conformance suite. */
import type { Position, Store, StoredRecord } from "@chouette-iot/queue";

/** A store with its data, which may be closed and opened again. */
export interface Subject {
  /** The store as it is open at the moment. */
  readonly store: Store;
  /** Closes the store, or ends it less cleanly, and opens it again with the same data. */
  reopen(): Promise<void>;
  close(): Promise<void>;
  /** A client that writes directly to the engine; undefined if it has none. */
  readonly client?: Client;
}

/** Stores ids and values separately. */
export interface Client {
  storeId(queue: string, position: Position): Promise<void>;
  storeValue(queue: string, id: string, value: string): Promise<void>;
}

/** The records without the engine's own `place`. */
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
