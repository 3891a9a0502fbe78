/**
 * Errors of a store. An engine's own errors become a StoreError, so that callers can distinguish an unavailable store from a
 * faulty record or a bug in Chouette.
 */
import { messageOf } from "@chouette-iot/record";
import type { Store } from "./store.js";

/** A call of the store failed. The message is that of the engine's error, which is the `cause`. */
export class StoreError extends Error {
  override readonly name: string = "StoreError";
}

/** A full disk: nothing of the change was stored. */
export class StoreFullError extends StoreError {
  override readonly name = "StoreFullError";
}

const OUT_OF_SPACE: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Whether the system refused a write for lack of space: on the disk, in a quota, or in a file. */
export function isOutOfRoom(error: unknown): boolean {
  return error instanceof Error && "code" in error && OUT_OF_SPACE.has(error.code);
}

/** Wraps a store so that its outages reject with a {@link StoreError}. Programming errors pass unchanged. */
export function withStoreErrors(store: Store): Store {
  return {
    get epoch() {
      return store.epoch;
    },
    append: (queue, records) => withStoreError(() => store.append(queue, records)),
    read: (queue, options) => withStoreError(() => store.read(queue, options)),
    orphans: (queue, limit) => withStoreError(() => store.orphans(queue, limit)),
    settle: (settlement) => withStoreError(() => store.settle(settlement)),
    size: (queue) => withStoreError(() => store.size(queue)),
    state: (keys) => withStoreError(() => store.state(keys)),
    stateWithPrefix: (prefix) => withStoreError(() => store.stateWithPrefix(prefix)),
    counters: () => withStoreError(() => store.counters()),
    close: () => withStoreError(() => store.close()),
  };
}

async function withStoreError<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asStoreError(error);
  }
}

/** Converts what an engine threw to a {@link StoreError}, unless it is a programming error. */
export function asStoreError(error: unknown): unknown {
  if (error instanceof StoreError || isProgrammingError(error)) return error;
  return new StoreError(messageOf(error), { cause: error });
}

/** Whether it would occur again on a healthy store: an argument of the wrong type, a recursion that is too deep. */
function isProgrammingError(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError
  );
}
