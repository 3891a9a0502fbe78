/** The bytes of a day or month that count against the budget: all bytes on the wire. */
import { sumOfWire } from "../dispatch/wire-counts.js";
import type { Status } from "./status.js";

/** Undefined if the store didn't answer. Agents of earlier versions counted only bodies. */
export function linkBytes(
  { sent, wire }: Pick<Status, "sent" | "wire">,
  period: "today" | "month",
): number | undefined {
  return sent === undefined ? undefined : Math.max(sent[period], sumOfWire(wire?.[period] ?? []));
}
