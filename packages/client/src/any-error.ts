/** Errors of any realm: in Jest and `node:vm`, an error of the program is no instance of our `Error`. */
import { isNativeError } from "node:util/types";
import { messageOf } from "@chouette-iot/record";

export function isError(value: unknown): value is Error {
  return isNativeError(value) || value instanceof Error;
}

/** What was thrown, as a new error with its message: another's may carry a password, or have no message. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error && thrown.message !== "" ? thrown : new Error(messageOf(thrown));
}
