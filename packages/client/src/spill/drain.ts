/**
 * Draining the spill: what was spilled goes to the broker, oldest first, one batch at a time.
 *
 * Promises: a record is stored once, though the process or the connection may end at any point. Each batch's MULTI sets
 * the segment's marker to the batch's position in it; anyone who drains a segment reads the marker first and begins after it.
 */
import type { BrokerConnection, StoreOutcome } from "../broker-connection.js";
import type { Doubt } from "./segment-text.js";
import type { Spill } from "./spill.js";

/** @returns `stored` when nothing is left, else what stopped it: drain again once that is over */
export async function drain(
  spill: Spill,
  connection: BrokerConnection,
  onStored: (records: number) => void,
): Promise<StoreOutcome> {
  for (let read = await spill.read(); read !== undefined; read = await spill.read()) {
    const { segment, batches, torn } = read;
    const marker = `chouette:client:${segment.id}`;
    const reached = Number((await connection.readMarker(marker)) ?? 0);
    // Torn lines stay counted until the segment is removed.
    let left = batches.reduce((sum, { rows }) => sum + rows.ids.length, torn);
    for (const [index, { rows, doubt }] of batches.entries()) {
      const position = index + 1;
      if (position > reached && !(doubt !== undefined && (await isStored(connection, doubt)))) {
        const outcome = await connection.store(rows, marker, `${position}`);
        if (outcome.kind !== "stored") return outcome;
      }
      left -= rows.ids.length;
      // A segment that is drained a second time doesn't count again what it has counted.
      const fresh = Math.max(0, segment.records - left);
      spill.sent(segment, fresh);
      if (fresh > 0) onStored(fresh);
    }
    spill.remove(segment);
  }
  return { kind: "stored" };
}

async function isStored(connection: BrokerConnection, doubt: Doubt): Promise<boolean> {
  await connection.fence(doubt.carrier);
  return (await connection.readMarker(doubt.marker)) === doubt.sequence;
}
