/**
 * Draining the spill: what was spilled goes to the broker, oldest first, one batch at a time.
 *
 * Promises: a record is stored once, though the process or the connection may end at any point. Each batch's MULTI sets the
 * segment's marker to the batch's place in it; whoever drains a segment reads the marker first and begins after it.
 */
import type { Link, Outcome } from "../link.js";
import type { Doubt } from "./segment-text.js";
import type { Spill } from "./spill.js";

/** @returns `stored` when nothing is left, else what stopped it: drain again when the trouble is over */
export async function drain(spill: Spill, link: Link, onStored: (records: number) => void): Promise<Outcome> {
  for (let read = await spill.read(); read !== undefined; read = await spill.read()) {
    const { segment, batches, torn } = read;
    const marker = `chouette:client:${segment.id}`;
    const reached = Number((await link.readMarker(marker)) ?? 0);
    // What is torn stays counted until the segment goes.
    let left = batches.reduce((sum, batch) => sum + batch.records, torn);
    for (const [index, { commands, records, doubt }] of batches.entries()) {
      const place = index + 1;
      if (place > reached && !(doubt !== undefined && (await isStored(link, doubt)))) {
        const outcome = await link.store(commands, marker, `${place}`);
        if (outcome.kind !== "stored") return outcome;
      }
      left -= records;
      // A segment that is drained a second time doesn't count twice what it has counted.
      const fresh = Math.max(0, segment.records - left);
      spill.sent(segment, fresh);
      if (fresh > 0) onStored(fresh);
    }
    spill.remove(segment);
  }
  return { kind: "stored" };
}

async function isStored(link: Link, doubt: Doubt): Promise<boolean> {
  await link.fence(doubt.carrier);
  return (await link.readMarker(doubt.marker)) === doubt.sequence;
}
