/**
 * Drains the spill: sends spilled batches to the broker, oldest first, one at a time.
 *
 * Promises: a record is stored once, even if the process or the connection ends at any point. Each batch's MULTI sets the
 * segment's marker to the batch's position in it; draining a segment starts after the position in its marker. With shards,
 * a batch is split, and each shard has a marker of the segment.
 *
 * It loses nothing, but waits for the server of a batch, though others may be available. A segment that was drained in part
 * when the process ended is repeated if the number of shards has changed before it is drained again.
 */
import { namespaceOf } from "@chouette-iot/queue";
import type { BrokerConnection, StoreOutcome } from "../broker-connection.js";
import type { Rows } from "../rows.js";
import type { Doubt, SpilledBatch } from "./segment-text.js";
import type { Spill } from "./spill.js";

/** What sends spilled batches: to any shard, or to one. */
export interface SpillSender {
  /** Whether it can be tried now. */
  readonly isReady: boolean;
  /**
   * Runs work on the connection; its outcome is undefined if nothing had to be stored. Resolves to false if there is no connection,
   * it broke or the server refused: then the work must be repeated when the sender is ready.
   */
  run(work: (connection: BrokerConnection) => Promise<StoreOutcome | undefined>): Promise<boolean>;
  /** Connects if it isn't connected, and goes on. */
  turn(): void;
}

export interface SpillTarget {
  /** The sender for a marker. Undefined if this broker can't have it: its client had another one, or other shards. */
  senderOf(marker: string): SpillSender | undefined;
  /** The records by shard. @param position of the batch in its segment */
  split(rows: Rows, position: number): readonly SpillPart[];
  onStored(records: number): void;
}

/** Records of one shard, and the sender for it. */
export interface SpillPart {
  readonly rows: Rows;
  readonly sender: SpillSender;
}

/** Sends everything in the spill. Returns the sender that it has to wait for; undefined when nothing is left. */
export async function drain(spill: Spill, target: SpillTarget): Promise<SpillSender | undefined> {
  for (let read = await spill.read(); read !== undefined; read = await spill.read()) {
    const { segment, batches, torn } = read;
    // Torn lines stay counted until the segment is removed.
    let left = batches.reduce((sum, { rows }) => sum + rows.ids.length, torn);
    const reached = new Map<string, number>();
    for (const [index, batch] of batches.entries()) {
      const waiting = await send(target, batch, { id: segment.id, position: index + 1, reached });
      if (waiting !== undefined) return waiting;
      left -= batch.rows.ids.length;
      // A segment that is drained a second time doesn't count its first batches again.
      const fresh = Math.max(0, segment.records - left);
      spill.sent(segment, fresh);
      if (fresh > 0) target.onStored(fresh);
    }
    spill.remove(segment);
  }
  return undefined;
}

/** A batch's place in the segments. */
interface Place {
  /** The segment's. */
  readonly id: string;
  /** From 1. */
  readonly position: number;
  /** The positions in the segment's markers, as far as they have been read. */
  readonly reached: Map<string, number>;
}

/** Returns the sender that wasn't able to. */
async function send(
  target: SpillTarget,
  { rows, doubt }: SpilledBatch,
  { id, position, reached }: Place,
): Promise<SpillSender | undefined> {
  const carrier = doubt && target.senderOf(doubt.marker);
  let isKnown = false;
  if (doubt !== undefined && carrier !== undefined) {
    const ask = async (connection: BrokerConnection) => {
      isKnown = await isStored(connection, doubt);
      return undefined;
    };
    if (!(await carrier.run(ask))) return carrier;
  }
  if (isKnown) return undefined;
  for (const { rows: part, sender } of target.split(rows, position)) {
    const marker = `${namespaceOf(part.queue)}:client:${id}`;
    const store = async (connection: BrokerConnection) => {
      const before = reached.get(marker) ?? Number((await connection.readMarker(marker)) ?? 0);
      reached.set(marker, before);
      return position > before ? connection.store(part, marker, `${position}`) : undefined;
    };
    if (!(await sender.run(store))) return sender;
  }
  return undefined;
}

async function isStored(connection: BrokerConnection, doubt: Doubt): Promise<boolean> {
  await connection.fence(doubt.carrier);
  return (await connection.readMarker(doubt.marker)) === doubt.sequence;
}
