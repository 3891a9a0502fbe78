/**
 * The senders of a client: one; or in a Redis Cluster, whose nodes have the shards among them, one for each shard. Whether the
 * broker is a Cluster, the first one finds out when it connects.
 *
 * Promises: the loss of one node's connection is reported once, as that of the only one, while the other senders go on.
 */
import { NAMESPACE, shardNamespace } from "@chouette-iot/queue";
import type { Batch } from "./batch.js";
import type { Settings } from "./options.js";
import type { Outbox } from "./outbox.js";
import { Sender } from "./sender.js";
import type { SenderListener } from "./sender-listener.js";
import type { ShardQueues } from "./shard-queues.js";
import type { Doubt } from "./spill/segment-text.js";
import type { Spill } from "./spill/spill.js";
import { SpillDrain } from "./spill/spill-drain.js";

export interface SendersOptions {
  readonly settings: Settings;
  readonly clientId: string;
  readonly outbox: Outbox;
  readonly spill: Spill | undefined;
  /** Undefined without shards. */
  readonly shards: ShardQueues | undefined;
  readonly listener: SenderListener;
}

export class Senders {
  readonly #options: SendersOptions;
  readonly #spill: SpillDrain | undefined;
  readonly #first: Sender;
  /** The first one and, in a Cluster, those of the other shards. */
  readonly #all: Sender[];
  /** Those whose connection is lost. */
  readonly #lost = new Set<string>();
  #isClosed = false;

  constructor(options: SendersOptions) {
    this.#options = options;
    const { shards, spill, listener } = options;
    this.#spill =
      spill &&
      new SpillDrain(spill, {
        senderOf: (marker) => this.#senderOf(marker),
        split: (rows, position) =>
          (shards?.split(rows, position) ?? [rows]).map((part) => ({
            rows: part,
            sender: this.#senderOf(part.queue) ?? this.#first,
          })),
        onStored: (records) => listener.onStored(records),
      });
    this.#first = this.#newSender(shards === undefined ? NAMESPACE : shardNamespace(0));
    this.#all = [this.#first];
  }

  /** To be called when a batch of the queue waits: it is sent immediately if it is full, otherwise after the linger time. */
  wake(queue: string, full: boolean): void {
    this.#senderOf(queue)?.wake(full);
  }

  /** To be called when records wait in the spill. */
  wakeAll(): void {
    for (const sender of this.#all) sender.wake(true);
  }

  /** Sends everything now, without waiting for the linger time or the backoff. */
  flushNow(): void {
    for (const sender of this.#all) sender.flushNow();
  }

  /** As each sender's. */
  spillInDoubt(all: boolean, take: (batch: Batch, doubt: Doubt) => boolean): void {
    for (const sender of this.#all) sender.spillInDoubt(all, take);
  }

  /** Resolves when all batches that are waiting now are stored or dropped, and the spill is drained. */
  async emptied(): Promise<void> {
    await this.#options.outbox.settled();
    await this.#spill?.emptied();
  }

  close(): void {
    this.#isClosed = true;
    for (const sender of this.#all) sender.close();
  }

  #senderOf(key: string): Sender | undefined {
    return this.#all.find((sender) => sender.isFor(key));
  }

  #newSender(namespace: string): Sender {
    const { settings, clientId, outbox, shards, listener } = this.#options;
    return new Sender(namespace, {
      settings,
      clientId,
      outbox,
      spill: this.#spill,
      listener: shards === undefined ? listener : this.#listenerFor(namespace),
      onCluster: () => this.#onCluster(),
    });
  }

  #onCluster(): void {
    const { shards = 1 } = this.#options.settings;
    this.#first.restrict();
    // The answer may come when the client is closed.
    if (this.#isClosed || this.#all.length === shards) return;
    for (let shard = 1; shard < shards; shard++) {
      const sender = this.#newSender(shardNamespace(shard));
      sender.restrict();
      this.#all.push(sender);
    }
    this.wakeAll();
  }

  /** Reports the state of all connections: connected while none is lost, each error of a sender once until it stores again. */
  #listenerFor(namespace: string): SenderListener {
    const { listener } = this.#options;
    let ongoing = "";
    const isNew = ({ message }: Error) => {
      const before = ongoing;
      ongoing = message;
      return message !== before;
    };
    return {
      onConnected: () => {
        this.#lost.delete(namespace);
        if (this.#lost.size === 0) listener.onConnected();
      },
      onDisconnected: (error) => {
        this.#lost.add(namespace);
        if (isNew(error)) listener.onDisconnected(error);
      },
      onRefused: (error) => {
        if (isNew(error)) listener.onRefused(error);
      },
      onStored: (records) => {
        ongoing = "";
        listener.onStored(records);
      },
    };
  }
}
