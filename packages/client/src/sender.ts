/**
 * The sender: takes batches from the outbox to the broker, a few at a time, and again after an outage.
 *
 * Promises: a batch is settled as stored only when the broker said so. It is counted once, though its answer may be
 * lost: each lane carries one batch at a time, and its MULTI also sets the lane's marker to the batch's
 * sequence. After a lost connection the sender first ends that connection at the server, so that bytes still on their
 * way can't be carried out later, and then reads the markers: a lane whose marker is its sequence was
 * stored, any other was not and goes again, under the same ids.
 *
 * What can still count twice: a server that can't end a connection by name (before Redis 6.2, or without the
 * right to CLIENT KILL) and hung with our batch unread, where the agent took the records in between; a broker away for
 * longer than a marker lives (a day), or one that came back without its latest writes.
 *
 * It tries for ever, with backoff and full jitter, and keeps no process alive.
 */
import { reconnectDelay } from "@chouette-iot/queue/redis/backoff";
import type { RedisAddress } from "@chouette-iot/queue/redis/connection";
import type { Batch } from "./batch.js";
import type { Link, Peer } from "./link.js";
import type { Settings } from "./options.js";
import type { Outbox } from "./outbox.js";
import { drain } from "./spill/drain.js";
import type { Doubt } from "./spill/segment-text.js";
import type { Spill } from "./spill/spill.js";

export interface SenderListener {
  onConnected(): void;
  /** The connection ended, or an attempt failed. */
  onDisconnected(error: Error): void;
  /** The server is there and refuses: no rights, no memory, read only, loading. */
  onRefused(error: Error): void;
  onStored(records: number): void;
}

interface Lane {
  marker: string;
  sequence: number;
  /** Under way, or in doubt where there is no link. */
  batch: Batch | undefined;
}

const LANES = 4;

/** With the driver, whose loading holds the event loop for longer than all else that a client ever does. */
const loadLink = () => import("./link.js");

/** Loads the link while the program starts, rather than amid its work. What fails is told when a link is wanted. */
async function loadAhead(address: RedisAddress): Promise<void> {
  try {
    (await loadLink()).Link.prepare(address);
  } catch {
    // The same error comes with the first link.
  }
}

export class Sender {
  readonly #settings: Settings;
  readonly #outbox: Outbox;
  readonly #listener: SenderListener;
  readonly #clientId: string;
  readonly #lanes: readonly Lane[];
  readonly #spill: Spill | undefined;
  #markers = 0;
  #draining = false;
  /** Told at the end of each attempt to drain. */
  readonly #awaiting: (() => void)[] = [];
  #link: Link | undefined;
  #connecting = false;
  /** The connection that carried what is in doubt. */
  #earlier: Peer;
  #sequence = 0;
  #failures = 0;
  /** Set while the sender waits before it tries again. */
  #pause: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;
  #lingered = false;
  #scheduled = false;
  #closed = false;

  constructor(
    settings: Settings,
    clientId: string,
    outbox: Outbox,
    spill: Spill | undefined,
    listener: SenderListener,
  ) {
    this.#settings = settings;
    this.#outbox = outbox;
    this.#listener = listener;
    this.#clientId = clientId;
    this.#spill = spill;
    void loadAhead(settings.address);
    this.#lanes = Array.from({ length: LANES }, () => ({
      marker: this.#newMarker(),
      sequence: 0,
      batch: undefined,
    }));
  }

  /** There is something to send: at once where a batch is full, else when others had time to join it. */
  wake(full: boolean): void {
    if (full) this.#schedule();
    else this.#linger ??= setTimeout(() => this.#endLinger(), this.#settings.linger).unref();
  }

  /** Everything that waits goes out now, whatever the sender was waiting for. */
  hurry(): void {
    this.#outbox.sealAll();
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#pump();
  }

  /**
   * Offers what is in doubt, with how to find out whether it was stored, until an offer is turned down.
   * @param all also what a connection that is there may be about to answer: it won't be heard
   */
  offerDoubts(all: boolean, take: (batch: Batch, doubt: Doubt) => boolean): void {
    if (this.#link !== undefined && !all) return;
    const carrier = this.#link?.peer ?? this.#earlier;
    for (const lane of this.#lanes) {
      const { batch, marker } = lane;
      if (batch === undefined) continue;
      const doubt = { marker, sequence: `${lane.sequence}`, ...(carrier === undefined ? {} : { carrier }) };
      if (!take(batch, doubt)) return;
      lane.batch = undefined;
      // The old marker must keep its word until the batch is drained.
      lane.marker = this.#newMarker();
      this.#outbox.settle(batch, false);
    }
  }

  /** Resolves when all that waits at this moment is stored or dropped, and the spill is drained. */
  async emptied(): Promise<void> {
    await this.#outbox.settled();
    while (this.#spill?.isEmpty === false) await this.#drained();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#linger);
    clearTimeout(this.#pause);
    this.#link?.close();
    this.#link = undefined;
  }

  #endLinger(): void {
    this.#linger = undefined;
    this.#lingered = true;
    this.#pump();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    }).unref();
  }

  #pump(): void {
    if (this.#closed || this.#pause !== undefined) return;
    if (this.#outbox.isEmpty && (this.#spill?.isEmpty ?? true)) return;
    if (this.#link === undefined) {
      if (!this.#connecting) void this.#connect();
      return;
    }
    if (this.#spill?.isEmpty === false) void this.#drain(this.#spill, this.#link);
    for (const lane of this.#lanes) {
      if (lane.batch !== undefined) continue;
      const batch = this.#next();
      if (batch === undefined) return;
      void this.#send(this.#link, lane, batch);
    }
  }

  /** Records that have waited long enough go out alone; while all lanes are busy, or there is no link, they gather. */
  #next(): Batch | undefined {
    if (this.#lingered && !this.#outbox.hasSealed) {
      this.#lingered = false;
      this.#outbox.sealAll();
    }
    return this.#outbox.take();
  }

  async #send(link: Link, lane: Lane, batch: Batch): Promise<void> {
    const sequence = ++this.#sequence;
    lane.sequence = sequence;
    lane.batch = batch;
    const outcome = await link.store(batch.commands(), lane.marker, `${sequence}`);
    if (outcome.kind === "doubt" || lane.sequence !== sequence || lane.batch !== batch) return;
    lane.batch = undefined;
    if (outcome.kind === "stored") {
      this.#stored(batch);
    } else {
      this.#outbox.putBack(batch);
      this.#listener.onRefused(outcome.error);
      this.#tryLater();
    }
    this.#pump();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#awaiting.push(resolve);
    });
  }

  async #drain(spill: Spill, link: Link): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    try {
      const outcome = await drain(spill, link, (records) => {
        this.#failures = 0;
        this.#listener.onStored(records);
      });
      if (outcome.kind === "refused") {
        this.#listener.onRefused(outcome.error);
        this.#tryLater();
      }
    } catch (error) {
      // A link that ended here has told so itself; a file that can't be read is tried again.
      if (!link.isLost) {
        this.#listener.onRefused(error instanceof Error ? error : new Error(String(error)));
        this.#tryLater();
      }
    } finally {
      this.#draining = false;
      for (const resolve of this.#awaiting.splice(0)) resolve();
    }
    this.#pump();
  }

  async #connect(): Promise<void> {
    this.#connecting = true;
    try {
      const { Link } = await loadLink();
      const link = await Link.open(this.#settings.address, (lost, error) => this.#lost(lost, error));
      await this.#resolveDoubts(link);
      if (this.#closed) return link.close();
      if (link.isLost) throw new Error("the connection ended as soon as it was there");
      this.#link = link;
      this.#earlier = link.peer;
      this.#lingered = true;
      this.#listener.onConnected();
    } catch (error) {
      this.#listener.onDisconnected(error instanceof Error ? error : new Error(String(error)));
      this.#tryLater();
    } finally {
      this.#connecting = false;
    }
    this.#pump();
  }

  /**
   * Until a link is in place, every batch in a lane is in doubt. The earlier connection is ended in any case: it may have carried
   * a spilled batch as well, whose marker is read when the spill is drained.
   */
  async #resolveDoubts(link: Link): Promise<void> {
    const doubts = this.#lanes.filter((lane) => lane.batch !== undefined);
    try {
      await link.fence(this.#earlier);
      const markers = await Promise.all(doubts.map((lane) => link.readMarker(lane.marker)));
      for (const [index, lane] of doubts.entries())
        this.#resolve(lane, markers[index] === `${lane.sequence}`);
    } catch (error) {
      link.close();
      throw error;
    }
  }

  #newMarker(): string {
    return `chouette:client:${this.#clientId}:${this.#markers++}`;
  }

  #resolve(lane: Lane, stored: boolean): void {
    const { batch } = lane;
    if (batch === undefined) return;
    lane.batch = undefined;
    if (stored) this.#stored(batch);
    else this.#outbox.putBack(batch);
  }

  #stored(batch: Batch): void {
    this.#failures = 0;
    this.#outbox.settle(batch, true);
    this.#listener.onStored(batch.records);
  }

  #lost(link: Link, error: Error): void {
    // One that is lost while doubts are resolved was never in place: #connect tells of it.
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#listener.onDisconnected(error);
    this.#tryLater();
  }

  #tryLater(): void {
    if (this.#closed || this.#pause !== undefined) return;
    const resume = () => {
      this.#pause = undefined;
      this.#pump();
    };
    this.#pause = setTimeout(resume, reconnectDelay(this.#failures++)).unref();
  }
}
