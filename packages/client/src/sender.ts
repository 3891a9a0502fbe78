/**
 * The sender: sends batches from the outbox to the broker, a few at a time, repeats them after an outage, and drains the spill.
 *
 * Promises: each batch is stored and counted once (`lanes.ts` explains how, and the exceptions). It retries forever, and
 * doesn't keep the process alive.
 */
import { inNextTurn, startTimer, stopTimer, type Timer } from "@chouette-iot/record/host";
import { asError } from "./any-error.js";
import type { Batch } from "./batch.js";
import type { BrokerConnection } from "./broker-connection.js";
import { ConnectionKeeper } from "./connection-keeper.js";
import { type Lane, Lanes } from "./lanes.js";
import type { Settings } from "./options.js";
import type { Outbox } from "./outbox.js";
import { drain } from "./spill/drain.js";
import type { Doubt } from "./spill/segment-text.js";
import type { Spill } from "./spill/spill.js";

export interface SenderListener {
  onConnected(): void;
  /** The connection ended, or an attempt failed. */
  onDisconnected(error: Error): void;
  /** The server refuses: missing rights, no memory, read-only, loading. */
  onRefused(error: Error): void;
  onStored(records: number): void;
}

export class Sender {
  readonly #settings: Settings;
  readonly #outbox: Outbox;
  readonly #spill: Spill | undefined;
  readonly #listener: SenderListener;
  readonly #lanes: Lanes;
  readonly #keeper: ConnectionKeeper;
  #isDraining = false;
  /** Called at the end of each attempt to drain. */
  readonly #afterDrain: (() => void)[] = [];
  #linger: Timer | undefined;
  #lingered = false;
  #isScheduled = false;

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
    this.#spill = spill;
    this.#lanes = new Lanes(clientId);
    this.#keeper = new ConnectionKeeper(settings.address, settings.waitReplicas, {
      onOpened: (connection) =>
        this.#lanes.resolve(connection, (batch, stored) => this.#settle(batch, stored)),
      onConnected: () => {
        this.#lingered = true;
        listener.onConnected();
      },
      onDisconnected: (error) => listener.onDisconnected(error),
      onTurn: () => this.#sendWaiting(),
    });
  }

  /** To be called when a batch waits: it is sent immediately if it is full, otherwise after the linger time. */
  wake(full: boolean): void {
    if (full) this.#schedule();
    else this.#linger ??= startTimer(() => this.#endLinger(), this.#settings.linger);
  }

  /** Sends everything now, without waiting for the linger time or the backoff. */
  flushNow(): void {
    this.#outbox.sealAll();
    this.#keeper.endPause();
    this.#sendWaiting();
  }

  /**
   * Gives the batches in doubt to `take`, with the information to find out whether they were stored, until it declines one.
   * @param all includes batches that an open connection may still answer: at the exit nobody will receive that
   */
  spillInDoubt(all: boolean, take: (batch: Batch, doubt: Doubt) => boolean): void {
    if (this.#keeper.connection !== undefined && !all) return;
    this.#lanes.giveAway((batch, doubt) => {
      const taken = take(batch, doubt);
      if (taken) this.#outbox.settle(batch, false);
      return taken;
    });
  }

  /** Resolves when all batches that are waiting now are stored or dropped, and the spill is drained. */
  async emptied(): Promise<void> {
    await this.#outbox.settled();
    while (this.#spill?.isEmpty === false) {
      await new Promise<void>((resolve) => {
        this.#afterDrain.push(resolve);
      });
    }
  }

  close(): void {
    stopTimer(this.#linger);
    this.#keeper.close();
  }

  #endLinger(): void {
    this.#linger = undefined;
    this.#lingered = true;
    this.#sendWaiting();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    inNextTurn(() => {
      this.#isScheduled = false;
      this.#sendWaiting();
    });
  }

  #sendWaiting(): void {
    if (this.#keeper.isPaused) return;
    if (this.#outbox.isEmpty && (this.#spill?.isEmpty ?? true)) return;
    const { connection } = this.#keeper;
    if (connection === undefined) {
      this.#keeper.connect();
      return;
    }
    if (this.#spill?.isEmpty === false) void this.#drain(this.#spill, connection);
    for (let lane = this.#lanes.idle(); lane !== undefined; lane = this.#lanes.idle()) {
      const batch = this.#next();
      if (batch === undefined) return;
      void this.#send(connection, lane, batch);
    }
  }

  /** The next batch. A batch that isn't full is sent after the linger time, unless the lanes are busy or it is offline. */
  #next(): Batch | undefined {
    if (this.#lingered && !this.#outbox.hasSealed) {
      this.#lingered = false;
      this.#outbox.sealAll();
    }
    return this.#outbox.take();
  }

  async #send(connection: BrokerConnection, lane: Lane, batch: Batch): Promise<void> {
    const outcome = await this.#lanes.send(connection, lane, batch);
    if (outcome.kind === "doubt") return;
    this.#settle(batch, outcome.kind === "stored");
    if (outcome.kind === "refused") this.#refused(outcome.error);
    this.#sendWaiting();
  }

  async #drain(spill: Spill, connection: BrokerConnection): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      const outcome = await drain(spill, connection, (records) => this.#stored(records));
      if (outcome.kind === "refused") this.#refused(outcome.error);
    } catch (error) {
      // A lost connection has been reported already. Errors of files aren't thrown: they must not block the lanes.
      if (!connection.isLost) this.#refused(asError(error));
    } finally {
      this.#isDraining = false;
      for (const resolve of this.#afterDrain.splice(0)) resolve();
    }
    this.#sendWaiting();
  }

  #settle(batch: Batch, stored: boolean): void {
    if (stored) {
      this.#outbox.settle(batch, true);
      this.#stored(batch.records);
    } else {
      this.#outbox.putBack(batch);
    }
  }

  #stored(records: number): void {
    this.#keeper.succeeded();
    this.#listener.onStored(records);
  }

  #refused(error: Error): void {
    this.#listener.onRefused(error);
    this.#keeper.pause();
  }
}
