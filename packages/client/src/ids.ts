/**
 * Record ids: short, unique, and in the order of the calls when sorted as text.
 *
 * An id is 8 random characters of this client in this process, the number of its batch, and its place in the
 * batch. The order matters for gauges set twice in a millisecond: the agent reads the later one last.
 */
import { randomBytes } from "node:crypto";

export function newClientId(): string {
  return randomBytes(6).toString("base64url");
}

/** In base 36 with its length ahead, so that text sorts as the numbers do. */
export function sortedNumber(value: number): string {
  const digits = value.toString(36);
  return `${digits.length.toString(36)}${digits}`;
}
