/** The bytes that count against a budget, of a day or month: all on the wire, as far as it was counted. */
import { sumOfWire } from "../dispatch/wire-counts.js";
import type { Status } from "./status.js";

/** Undefined if the store didn't answer. An agent before this count had only counted bodies. */
export function linkBytes(
  { sent, wire }: Pick<Status, "sent" | "wire">,
  period: "today" | "month",
): number | undefined {
  return sent === undefined ? undefined : Math.max(sent[period], sumOfWire(wire?.[period] ?? []));
}
