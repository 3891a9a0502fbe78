/** The host that a ready record names: one that another agent made, and sent here, comes from another host than this agent's. */
import type { Fields } from "./json.js";

/** Empty if the record names none. */
export function hostOf({ host }: Fields): { readonly host?: string } {
  return typeof host === "string" && host !== "" ? { host } : {};
}
