/**
 * Which failures are the store's: an engine's own errors become a StoreError, so that anyone who works on a store can tell
 * "the store is unavailable" from a fault in a record or in Chouette itself.
 */
import { messageOf } from "@chouette-iot/record";
import type { Store } from "./store.js";

/** A call of the store failed. The message is the engine's, which `cause` is. */
export class StoreError extends Error {
  override readonly name: string = "StoreError";
}

/** The store, whose outages reject with a {@link StoreError}. An engine's programming errors pass as they are. */
export function withStoreErrors(store: Store): Store {
  return {
    get epoch() {
      return store.epoch;
    },
    append: (queue, records) => marked(() => store.append(queue, records)),
    read: (queue, options) => marked(() => store.read(queue, options)),
    orphans: (queue, limit) => marked(() => store.orphans(queue, limit)),
    settle: (settlement) => marked(() => store.settle(settlement)),
    size: (queue) => marked(() => store.size(queue)),
    state: (keys) => marked(() => store.state(keys)),
    stateWithPrefix: (prefix) => marked(() => store.stateWithPrefix(prefix)),
    counters: () => marked(() => store.counters()),
    close: () => marked(() => store.close()),
  };
}

async function marked<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asStoreError(error);
  }
}

/** What a call of an engine threw, as a {@link StoreError} if it is the store's failure. */
export function asStoreError(error: unknown): unknown {
  if (error instanceof StoreError || isProgrammingError(error)) return error;
  return new StoreError(messageOf(error), { cause: error });
}

/** Such an error comes again however well the store is: an argument of the wrong kind, a recursion too deep. */
function isProgrammingError(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError
  );
}
