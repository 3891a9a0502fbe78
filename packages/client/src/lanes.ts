/**
 * Lanes: each carries one batch at a time to the broker, so that it is possible to find out later which batches were stored.
 *
 * A batch's MULTI also sets its lane's marker to the batch's sequence number. If the connection is lost before the reply, the
 * batch is in doubt: the next connection ends the lost one at the server (a fence), so that bytes in flight can't be executed
 * later, and then reads the markers. If a lane's marker equals its sequence, its batch was stored; otherwise it is sent again
 * with the same ids.
 *
 * Promises: a batch is settled as stored only if the broker confirmed it, and counts once.
 * It can count twice in these cases: the server can't end a connection by its id (before Redis 6.2, or without the right to
 * CLIENT KILL), hung with our batch unread, and the agent took the records in between; the broker was unavailable for longer
 * than a marker lives (a day); or it came back without its latest writes.
 */
import { namespaceOf } from "@chouette-iot/queue";
import type { Batch } from "./batch.js";
import type { BrokerConnection, ServerSideId, StoreOutcome } from "./broker-connection.js";
import type { Doubt } from "./spill/segment-text.js";

export interface Lane {
  /** The end of its markers' keys. */
  name: string;
  /** The marker of its batch: a key in the batch's shard. */
  marker: string;
  sequence: number;
  /** The batch being sent, or in doubt while there is no connection. */
  batch: Batch | undefined;
}

const LANES = 4;

export class Lanes {
  readonly #clientId: string;
  readonly #lanes: readonly Lane[];
  #names = 0;
  #sequence = 0;
  /** The connection that carried the batches in doubt. */
  #carrier: ServerSideId;

  constructor(clientId: string) {
    this.#clientId = clientId;
    const newLane = () => ({ name: this.#newName(), marker: "", sequence: 0, batch: undefined });
    this.#lanes = Array.from({ length: LANES }, newLane);
  }

  /** A lane without a batch. */
  idle(): Lane | undefined {
    return this.#lanes.find(({ batch }) => batch === undefined);
  }

  /** Sends a batch in an idle lane. After `doubt` it stays in its lane, unless it was given away meanwhile. */
  async send(connection: BrokerConnection, lane: Lane, batch: Batch): Promise<StoreOutcome> {
    const sequence = ++this.#sequence;
    lane.sequence = sequence;
    lane.batch = batch;
    lane.marker = namespaceOf(batch.queue) + lane.name;
    const outcome = await connection.store(batch.rows(), lane.marker, `${sequence}`);
    if (lane.batch !== batch) return { kind: "doubt" };
    if (outcome.kind !== "doubt") lane.batch = undefined;
    return outcome;
  }

  /**
   * Finds out on a new connection which batches in doubt were stored, and empties the lanes. The earlier connection is
   * ended in any case: it may also have carried a spilled batch, whose marker is read when the spill is drained. Rejects if
   * the connection is lost; then the batches stay in doubt.
   */
  async resolve(
    connection: BrokerConnection,
    settle: (batch: Batch, stored: boolean) => void,
  ): Promise<void> {
    const doubts = this.#lanes.filter(({ batch }) => batch !== undefined);
    await connection.fence(this.#carrier);
    const markers = await Promise.all(doubts.map(({ marker }) => connection.readMarker(marker)));
    for (const [index, lane] of doubts.entries()) {
      const { batch } = lane;
      lane.batch = undefined;
      if (batch !== undefined) settle(batch, markers[index] === `${lane.sequence}`);
    }
    this.#carrier = connection.serverSideId;
  }

  /** Gives the batches to `take`, each with the information to find out whether it was stored, until it declines one. */
  giveAway(take: (batch: Batch, doubt: Doubt) => boolean): void {
    const carrier = this.#carrier;
    for (const lane of this.#lanes) {
      const { batch, marker } = lane;
      if (batch === undefined) continue;
      const doubt = { marker, sequence: `${lane.sequence}`, carrier };
      if (!take(batch, doubt)) return;
      lane.batch = undefined;
      // The old marker must keep its value until the spilled batch is drained.
      lane.name = this.#newName();
    }
  }

  #newName(): string {
    return `:client:${this.#clientId}:${this.#names++}`;
  }
}
