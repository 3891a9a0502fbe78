/**
 * Keeps a connection to the broker: opens one on demand, and a new one after a failure, with exponential backoff and full
 * jitter. It retries forever, and doesn't keep the process alive.
 */
import { reconnectDelay } from "@chouette-iot/queue/redis/backoff";
import type { BrokerAddress } from "@chouette-iot/queue/resp/address";
import { MasterFinder } from "@chouette-iot/queue/resp/master-finder";
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

export interface KeeperListener {
  /** Runs on each new connection before it is used. Rejects if the connection can't be used. */
  onOpened(connection: BrokerConnection): Promise<void>;
  onConnected(): void;
  /** The connection ended, or an attempt to connect failed. */
  onDisconnected(error: Error): void;
  /** A connection is open, or it is time for another attempt. */
  onTurn(): void;
}

/** How often the Sentinels are asked about a failover: a former master that is cut off still accepts records. */
const FAILOVER_CHECK = milliseconds(5_000);

export class ConnectionKeeper {
  readonly #master: MasterFinder | Error;
  readonly #waitReplicas: number;
  readonly #listener: KeeperListener;
  #connection: BrokerConnection | undefined;
  #isConnecting = false;
  #failures = 0;
  /** Defined while it waits before the next attempt. */
  #pause: Timer | undefined;
  #failoverCheck: Timer | undefined;
  #closed = false;

  /**
   * @param address an error if there is no valid one: every attempt fails with it
   * @param waitReplicas number of replicas that must have a batch before it counts as stored
   */
  constructor(address: BrokerAddress | Error, waitReplicas: number, listener: KeeperListener) {
    this.#waitReplicas = waitReplicas;
    this.#master = address instanceof Error ? address : new MasterFinder(address);
    this.#listener = listener;
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
    stopInterval(this.#failoverCheck);
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #connect(): Promise<void> {
    this.#isConnecting = true;
    try {
      if (this.#master instanceof Error) throw this.#master;
      const opened = await BrokerConnection.open(this.#master, {
        waitReplicas: this.#waitReplicas,
        onLost: (lost, error) => this.#lost(lost, error),
      });
      await this.#listener.onOpened(opened).catch((error) => {
        opened.close();
        throw error;
      });
      if (this.#closed) return opened.close();
      if (opened.isLost) throw new Error("the connection ended as soon as it was there");
      this.#connection = opened;
      if (this.#master.hasSentinels)
        this.#failoverCheck ??= startInterval(() => void this.#connection?.endIfReplaced(), FAILOVER_CHECK);
      this.#listener.onConnected();
    } catch (error) {
      this.#listener.onDisconnected(asError(error));
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
