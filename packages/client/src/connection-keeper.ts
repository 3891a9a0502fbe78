/**
 * Keeps a connection to the broker: opens one when it is needed, and another one after a failure, with exponential
 * backoff and full jitter. It tries forever, and keeps no process alive.
 */
import { reconnectDelay } from "@chouette-iot/queue/redis/backoff";
import type { RedisAddress } from "@chouette-iot/queue/redis/connection";
import { startTimer, stopTimer, type Timer } from "@chouette-iot/record/host";
import type { BrokerConnection } from "./broker-connection.js";

export interface KeeperListener {
  /** Runs on each new connection before it is used. Rejects if the connection can't be used. */
  onOpened(connection: BrokerConnection): Promise<void>;
  onConnected(): void;
  /** The connection ended, or an attempt to connect failed. */
  onDisconnected(error: Error): void;
  /** There is a connection, or it is time for another attempt. */
  onTurn(): void;
}

/** Together with the driver, whose loading blocks the event loop for longer than anything else that a client does. */
const loadConnection = () => import("./broker-connection.js");

export class ConnectionKeeper {
  readonly #address: RedisAddress;
  readonly #listener: KeeperListener;
  #connection: BrokerConnection | undefined;
  #isConnecting = false;
  #failures = 0;
  /** Set while it waits before the next attempt. */
  #pause: Timer | undefined;
  #closed = false;

  constructor(address: RedisAddress, listener: KeeperListener) {
    this.#address = address;
    this.#listener = listener;
    void loadAhead(address);
  }

  get connection(): BrokerConnection | undefined {
    return this.#connection;
  }

  get isPaused(): boolean {
    return this.#pause !== undefined || this.#closed;
  }

  /** Begins to connect, unless that is under way. */
  connect(): void {
    if (!this.#isConnecting) void this.#connect();
  }

  /** Ends a pause: the next attempt is made immediately. */
  endPause(): void {
    stopTimer(this.#pause);
    this.#pause = undefined;
  }

  /** The server did what it was asked to: the next failure is the first of its series. */
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
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #connect(): Promise<void> {
    this.#isConnecting = true;
    try {
      const { BrokerConnection } = await loadConnection();
      const opened = await BrokerConnection.open(this.#address, (lost, error) => this.#lost(lost, error));
      await this.#listener.onOpened(opened).catch((error) => {
        opened.close();
        throw error;
      });
      if (this.#closed) return opened.close();
      if (opened.isLost) throw new Error("the connection ended as soon as it was there");
      this.#connection = opened;
      this.#listener.onConnected();
    } catch (error) {
      this.#listener.onDisconnected(error instanceof Error ? error : new Error(String(error)));
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

/** Loads the driver while the program starts, not in the middle of its work. A failure is reported when a connection is opened. */
async function loadAhead(address: RedisAddress): Promise<void> {
  try {
    (await loadConnection()).BrokerConnection.warmUp(address);
  } catch {
    // The first connection fails with the same error.
  }
}
