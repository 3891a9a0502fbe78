/** Whether a server is a master: it takes writes, and others copy them. */
import type { Reply } from "./resp.js";

/**
 * Asked in one go. HELLO needs no rights but only Redis 6 knows it; ROLE is older, and the usual ACL advice
 * (`-@dangerous`) takes it away.
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

/** Throws if the server says that it is something else. */
export function checkIsMaster(replies: readonly Reply[]): void {
  const role = roleIn(replies);
  if (role !== undefined && role !== "master") throw new NotMasterError(`it is no master but a ${role}`);
}

/** The server is there, and another one is the master, or will be. */
export class NotMasterError extends Error {
  override readonly name = "NotMasterError";
}

/** A write was refused since the server is a replica now; a script's error says so within its text. */
export function isDemotion(error: unknown): boolean {
  return error instanceof Error && /\bREADONLY\b/.test(error.message);
}
