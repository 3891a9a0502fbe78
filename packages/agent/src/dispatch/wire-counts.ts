/**
 * Bytes on the wire per day and per month (UTC), by destination and purpose, as kept in the store: the keys are
 * `chouette:wire:2026-11-22` and `chouette:wire:2026-11`, the values `{"api.datadoghq.com metrics": [sent, received], …}`.
 */
import { NAMESPACE } from "@chouette-iot/queue";
import type { WireBytes, WireCounts } from "../outputs/wire-meter.js";

export const WIRE_STATE = `${NAMESPACE}:wire:`;

/** Bytes to and from one destination for one purpose. */
export interface WireUse extends WireBytes {
  readonly destination: string;
  readonly purpose: string;
}

/** Returns no counts if the text can't be parsed. */
export function parseWireCounts(text: string | undefined): Map<string, WireBytes> {
  const counts = new Map<string, WireBytes>();
  let stored: unknown;
  try {
    stored = JSON.parse(text ?? "{}");
  } catch {
    return counts;
  }
  for (const [key, value] of Object.entries(stored ?? {})) {
    const [sent = 0, received = 0] = Array.isArray(value) ? value.map((bytes) => Number(bytes) || 0) : [];
    counts.set(key, { sent, received });
  }
  return counts;
}

export function formatWireCounts(counts: WireCounts): string {
  return JSON.stringify(
    Object.fromEntries([...counts].map(([key, { sent, received }]) => [key, [sent, received]])),
  );
}

export function addWireCounts(total: Map<string, WireBytes>, more: WireCounts): void {
  for (const [key, { sent, received }] of more) {
    const before = total.get(key) ?? { sent: 0, received: 0 };
    total.set(key, { sent: before.sent + sent, received: before.received + received });
  }
}

/** Both directions. */
export function sumOfWire(counts: Iterable<WireBytes>): number {
  let sum = 0;
  for (const { sent, received } of counts) sum += sent + received;
  return sum;
}

export function wireUses(counts: WireCounts): readonly WireUse[] {
  return [...counts].map(([key, bytes]) => {
    const [destination = "", purpose = ""] = key.split(" ");
    return { destination, purpose, ...bytes };
  });
}
