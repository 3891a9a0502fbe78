/**
 * Keeps a connection to the broker: opens one on demand, and a new one after a failure, with exponential backoff and full
 * jitter. It retries forever, and doesn't keep the process alive.
 */
import { shardsKey } from "@chouette-iot/queue";
import { reconnectDelay } from "@chouette-iot/queue/redis/backoff";
import { newFinder } from "@chouette-iot/queue/resp/cluster-finder";
import type { ServerFinder } from "@chouette-iot/queue/resp/server-finder";
import { milliseconds } from "@chouette-iot/record";
import {
  inLoadContext,
  startInterval,
  startTimer,
  stopInterval,
  stopTimer,
  type Timer,
} from "@chouette-iot/record/host";
import { asError } from "./any-error.js";
import { BrokerConnection } from "./broker-connection.js";
import type { Settings } from "./options.js";

export interface KeeperListener {
  /** Runs on each new connection before it is used. Rejects if the connection can't be used. */
  onOpened(connection: BrokerConnection): Promise<void>;
  onConnected(): void;
  /** The connection ended, or an attempt to connect failed. */
  onDisconnected(error: Error): void;
  /** A connection is open, or it is time for another attempt. */
  onTurn(): void;
}

/**
 * How often the Sentinels are asked about a failover, as a former master that is cut off still accepts records; and the broker
 * about its number of shards, which may not have been stored when the client connected.
 */
const NEXT_CHECK = milliseconds(5_000);

export class ConnectionKeeper {
  readonly #settings: Settings;
  readonly #namespace: string;
  readonly #finder: ServerFinder | Error;
  readonly #listener: KeeperListener;
  #connection: BrokerConnection | undefined;
  #isConnecting = false;
  #failures = 0;
  /** Defined while it waits before the next attempt. */
  #pause: Timer | undefined;
  #checks: Timer | undefined;
  #closed = false;

  /** @param namespace of the keys that it is for: with shards, that of a shard, whose server is looked for */
  constructor(settings: Settings, namespace: string, listener: KeeperListener) {
    const { address, shards } = settings;
    const key = shards === undefined ? undefined : shardsKey(namespace);
    this.#settings = settings;
    this.#namespace = namespace;
    this.#finder = address instanceof Error ? address : newFinder(address, key);
    this.#listener = listener;
  }

  /** Whether the broker is a Redis Cluster; false before the first connection. */
  get isCluster(): boolean {
    return !(this.#finder instanceof Error) && this.#finder.isCluster;
  }

  get connection(): BrokerConnection | undefined {
    return this.#connection;
  }

  get isPaused(): boolean {
    return this.#pause !== undefined || this.#closed;
  }

  /** Starts to connect, unless it is connecting already. */
  connect(): void {
    // Not in the async context of whichever call comes first.
    if (!this.#isConnecting) void inLoadContext(() => this.#connect());
  }

  /** Ends a pause: the next attempt is made immediately. */
  endPause(): void {
    stopTimer(this.#pause);
    this.#pause = undefined;
  }

  /** The server has accepted something: the backoff starts over. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** Pauses after a failure, longer after each. */
  pause(): void {
    if (this.isPaused) return;
    const resume = () => {
      this.#pause = undefined;
      this.#listener.onTurn();
    };
    this.#pause = startTimer(resume, reconnectDelay(this.#failures++));
  }

  close(): void {
    this.#closed = true;
    this.endPause();
    stopInterval(this.#checks);
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #connect(): Promise<void> {
    this.#isConnecting = true;
    try {
      if (this.#finder instanceof Error) throw this.#finder;
      const { waitReplicas, shards } = this.#settings;
      const opened = await BrokerConnection.open(this.#finder, {
        namespace: this.#namespace,
        shards,
        waitReplicas,
        onLost: (lost, error) => this.#lost(lost, error),
      });
      await this.#listener.onOpened(opened).catch((error) => {
        opened.close();
        throw error;
      });
      if (this.#closed) return opened.close();
      if (opened.isLost) throw new Error("the connection ended as soon as it was there");
      this.#connection = opened;
      if (this.#finder.mayChange)
        this.#checks ??= startInterval(() => void this.#connection?.checkAgain(), NEXT_CHECK);
      this.#listener.onConnected();
    } catch (error) {
      // Its owner has no further use for what becomes of the attempt.
      if (!this.#closed) this.#listener.onDisconnected(asError(error));
      this.pause();
    } finally {
      this.#isConnecting = false;
    }
    this.#listener.onTurn();
  }

  #lost(connection: BrokerConnection, error: Error): void {
    // A connection that is lost before it is in use is reported by #connect.
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#listener.onDisconnected(error);
    this.pause();
  }
}
