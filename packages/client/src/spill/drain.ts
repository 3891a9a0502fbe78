/**
 * Drains the spill: sends spilled batches to the broker, oldest first, one at a time.
 *
 * Promises: a record is stored once, even if the process or the connection ends at any point. Each batch's MULTI sets the
 * segment's marker to the batch's position in it; draining a segment starts after the position in its marker.
 */
import type { BrokerConnection, StoreOutcome } from "../broker-connection.js";
import type { Doubt } from "./segment-text.js";
import type { Spill } from "./spill.js";

/**
 * Sends everything in the spill. Rejects if the connection is lost while a marker is read.
 *
 * @returns `stored` when nothing is left, otherwise the outcome of the batch that stopped it
 */
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
      // A segment that is drained a second time doesn't count its first batches again.
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
