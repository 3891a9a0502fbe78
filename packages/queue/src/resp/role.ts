/** Checks whether a server is a master: the one that accepts writes, which replicas copy. */
import type { Reply } from "./resp.js";

/**
 * Sent together. HELLO needs no rights but exists only since Redis 6; ROLE is older, but the common `-@dangerous` forbids
 * it.
 */
export const ROLE_COMMANDS: readonly (readonly string[])[] = [["HELLO", "2"], ["ROLE"]];

/** `master`, `replica` or `slave`, `sentinel`; undefined if the server doesn't say. */
function roleIn([hello, role]: readonly Reply[]): string | undefined {
  const pairs = Array.isArray(hello) ? hello : [];
  const said = pairs[pairs.indexOf("role") + 1];
  if (pairs.includes("role") && typeof said === "string") return said;
  const [first] = Array.isArray(role) ? role : [];
  return typeof first === "string" ? first : undefined;
}

/** Throws a NotMasterError if the server reports another role. @param replies to {@link ROLE_COMMANDS} */
export function checkIsMaster(replies: readonly Reply[]): void {
  const role = roleIn(replies);
  if (role !== undefined && role !== "master") throw new NotMasterError(`it is no master but a ${role}`);
}

/** The server answers but isn't the master. */
export class NotMasterError extends Error {
  override readonly name = "NotMasterError";
}

/**
 * Whether a command was refused because another server has the data now: this one has become a replica, or a Cluster has moved
 * the slot or is in a failover. A script's error has READONLY inside its text.
 */
export function isReplaced(error: unknown): boolean {
  return error instanceof Error && /\bREADONLY\b|^(MOVED|CLUSTERDOWN)\b/.test(error.message);
}
