/** Recognises errors of any realm: in Jest and `node:vm`, the program's errors aren't instances of our `Error`. */
import { isNativeError } from "node:util/types";
import { messageOf } from "@chouette-iot/record";

export function isError(value: unknown): value is Error {
  return isNativeError(value) || value instanceof Error;
}

/** An error with a message: the thrown one, or a new one for anything else. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error && thrown.message !== "" ? thrown : new Error(messageOf(thrown));
}
