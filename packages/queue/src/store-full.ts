import { StoreError } from "./store-error.js";

/** What a store rejects with when its disk is full: nothing of the change was stored. */
export class StoreFullError extends StoreError {
  override readonly name = "StoreFullError";
}

const CODES: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Whether the system refused to write because there is no room: on the disk, of a quota, in a file. */
export function isOutOfRoom(error: unknown): boolean {
  return error instanceof Error && "code" in error && CODES.has(error.code);
}
