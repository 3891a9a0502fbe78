/** Formats a setting's value the way it is written in the environment. */
import { type StatsdAddress, shownAddress, shownStatsdAddress } from "../runtime/address.js";
import type { HostAndPort } from "./kinds.js";

/** `-` for an unset value. */
export function formatValue(value: unknown): string {
  if (value === null || value === undefined) return "-";
  if (Array.isArray(value)) {
    return value.map((item) => (typeof item === "object" ? formatValue(item) : item)).join(",") || "-";
  }
  if (typeof value !== "object") return String(value);
  if (isStatsdAddress(value)) return shownStatsdAddress(value);
  if ("age" in value && "step" in value) return `${value.age}s:${value.step}`;
  return "host" in value && "port" in value ? shownAddress(value as HostAndPort) : JSON.stringify(value);
}

function isStatsdAddress(value: object): value is StatsdAddress {
  return "kind" in value && ("path" in value || ("host" in value && "port" in value));
}
