/**
 * A sender: sends batches from the outbox to the broker, a few at a time, and repeats them after an outage. It sends all of them,
 * or those of one shard.
 *
 * Promises: each batch is stored and counted once (`lanes.ts` explains how, and the exceptions). It retries forever, and
 * doesn't keep the process alive.
 */
import { inNextTurn, startTimer, stopTimer, type Timer } from "@chouette-iot/record/host";
import { asError } from "./any-error.js";
import type { Batch } from "./batch.js";
import type { BrokerConnection, StoreOutcome } from "./broker-connection.js";
import { ConnectionKeeper } from "./connection-keeper.js";
import { type Lane, Lanes } from "./lanes.js";
import type { Settings } from "./options.js";
import type { Outbox } from "./outbox.js";
import type { SenderListener } from "./sender-listener.js";
import type { SpillSender } from "./spill/drain.js";
import type { Doubt } from "./spill/segment-text.js";
import type { SpillDrain } from "./spill/spill-drain.js";

export interface SenderOptions {
  readonly settings: Settings;
  readonly clientId: string;
  readonly outbox: Outbox;
  readonly spill: SpillDrain | undefined;
  readonly listener: SenderListener;
  /** Called when the broker turns out to be a Redis Cluster. */
  readonly onCluster: () => void;
}

export class Sender implements SpillSender {
  readonly #options: SenderOptions;
  readonly #namespace: string;
  /** Of the queues whose batches it sends. */
  #prefix = "";
  readonly #lanes: Lanes;
  readonly #keeper: ConnectionKeeper;
  #linger: Timer | undefined;
  #lingered = false;
  #isScheduled = false;

  /** @param namespace of the keys whose server it connects to: with shards, that of a shard */
  constructor(namespace: string, options: SenderOptions) {
    this.#options = options;
    this.#namespace = namespace;
    this.#lanes = new Lanes(options.clientId);
    const { settings, listener } = options;
    this.#keeper = new ConnectionKeeper(settings, namespace, {
      onOpened: (connection) => {
        this.#checkCluster();
        return this.#lanes.resolve(connection, (batch, stored) => this.#settle(batch, stored));
      },
      onConnected: () => {
        this.#lingered = true;
        listener.onConnected();
      },
      onDisconnected: (error) => {
        this.#checkCluster();
        listener.onDisconnected(error);
      },
      onTurn: () => this.turn(),
    });
  }

  /** From now on, it sends only batches of its shard. */
  restrict(): void {
    this.#prefix = `${this.#namespace}:`;
  }

  /** Whether it is for this key, of a queue or a marker. */
  isFor(key: string): boolean {
    return key.startsWith(this.#prefix);
  }

  /** To be called when a batch waits: it is sent immediately if it is full, otherwise after the linger time. */
  wake(full: boolean): void {
    if (full) this.#schedule();
    else this.#linger ??= startTimer(() => this.#endLinger(), this.#options.settings.linger);
  }

  /** Sends everything now, without waiting for the linger time or the backoff. */
  flushNow(): void {
    this.#options.outbox.sealAll(this.#prefix);
    this.#keeper.endPause();
    this.turn();
  }

  /**
   * Gives the batches in doubt to `take`, with the information to find out whether they were stored, until it declines one.
   * @param all includes batches that an open connection may still answer: at the exit nobody will receive that
   */
  spillInDoubt(all: boolean, take: (batch: Batch, doubt: Doubt) => boolean): void {
    if (this.#keeper.connection !== undefined && !all) return;
    this.#lanes.giveAway((batch, doubt) => {
      const taken = take(batch, doubt);
      if (taken) this.#options.outbox.settle(batch, false);
      return taken;
    });
  }

  /** Sends what waits, if it is time. */
  turn(): void {
    const { outbox, spill } = this.#options;
    if (this.#keeper.isPaused) return;
    if (outbox.isEmpty(this.#prefix) && (spill?.isEmpty ?? true)) return;
    const { connection } = this.#keeper;
    if (connection === undefined) {
      this.#keeper.connect();
      return;
    }
    void spill?.run();
    for (let lane = this.#lanes.idle(); lane !== undefined; lane = this.#lanes.idle()) {
      const batch = this.#next();
      if (batch === undefined) return;
      void this.#send(connection, lane, batch);
    }
  }

  get isReady(): boolean {
    return this.#keeper.connection !== undefined && !this.#keeper.isPaused;
  }

  async run(work: (connection: BrokerConnection) => Promise<StoreOutcome | undefined>): Promise<boolean> {
    const { connection } = this.#keeper;
    if (connection === undefined) return false;
    try {
      const outcome = await work(connection);
      if (outcome?.kind === "refused") this.#refused(outcome.error);
      // The drain counts the records.
      if (outcome?.kind === "stored") this.#stored(0);
      return outcome === undefined || outcome.kind === "stored";
    } catch (error) {
      // A lost connection has been reported already.
      if (!connection.isLost) this.#refused(asError(error));
      return false;
    }
  }

  close(): void {
    stopTimer(this.#linger);
    this.#keeper.close();
  }

  #endLinger(): void {
    this.#linger = undefined;
    this.#lingered = true;
    this.turn();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    inNextTurn(() => {
      this.#isScheduled = false;
      this.turn();
    });
  }

  /** The next batch. A batch that isn't full is sent after the linger time, unless the lanes are busy or it is offline. */
  #next(): Batch | undefined {
    const { outbox } = this.#options;
    if (this.#lingered && !outbox.hasSealed(this.#prefix)) {
      this.#lingered = false;
      outbox.sealAll(this.#prefix);
    }
    return outbox.take(this.#prefix);
  }

  async #send(connection: BrokerConnection, lane: Lane, batch: Batch): Promise<void> {
    const outcome = await this.#lanes.send(connection, lane, batch);
    if (outcome.kind === "doubt") return;
    this.#settle(batch, outcome.kind === "stored");
    if (outcome.kind === "refused") this.#refused(outcome.error);
    this.turn();
  }

  #settle(batch: Batch, stored: boolean): void {
    const { outbox } = this.#options;
    if (stored) {
      outbox.settle(batch, true);
      this.#stored(batch.records);
    } else {
      outbox.putBack(batch);
    }
  }

  #stored(records: number): void {
    this.#keeper.succeeded();
    this.#options.listener.onStored(records);
  }

  #refused(error: Error): void {
    this.#options.listener.onRefused(error);
    this.#keeper.pause();
  }

  #checkCluster(): void {
    if (this.#keeper.isCluster) this.#options.onCluster();
  }
}
