/**
 * The connection of a store: checked each time that it is made, and given up if the server stops answering.
 *
 * Promises: nothing is sent before the server turned out to be one that Chouette can work with; what it can't work
 * with is named in the error of every call, with its address. A server that hangs is given up after {@link Patience},
 * however much is still sent to it: Redis answers in order, so that an overdue ping means that everything before it is
 * overdue, too. The {@link epoch} is another one after each reconnect.
 */
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import {
  ClientClosedError,
  ClientOfflineError,
  ConnectionTimeoutError,
  DisconnectsClientError,
  ErrorReply,
  SocketClosedUnexpectedlyError,
  SocketTimeoutError,
} from "@redis/client";
import {
  addressText,
  type ConnectionEvents,
  newClient,
  type RedisAddress,
  type RedisConnection,
} from "./redis-connection.js";
import { checkServer } from "./server-check.js";
import { UnsuitableServerError } from "./unsuitable-server.js";

/** When a server that doesn't answer is given up. */
export interface Patience {
  /** How often it is pinged. */
  readonly pingInterval: Milliseconds;
  /** How long a ping, and so every command before it, may take. A worn card may hold up a Redis for seconds. */
  readonly answerTimeout: Milliseconds;
}

const PATIENCE: Patience = { pingInterval: milliseconds(5_000), answerTimeout: milliseconds(10_000) };
/** A server that is loading its data, say, is looked at again after this long. */
const CHECK_AGAIN_AFTER = milliseconds(1_000);

const CONNECTION_ERRORS = [
  ClientClosedError,
  ClientOfflineError,
  ConnectionTimeoutError,
  DisconnectsClientError,
  SocketClosedUnexpectedlyError,
  SocketTimeoutError,
] as const;

export class CheckedConnection {
  readonly #address: RedisAddress;
  readonly #namespace: string;
  readonly #events: ConnectionEvents;
  readonly #patience: Patience;
  #client: RedisConnection;
  #epoch = 0;
  /** Of the connection as it is now; undefined while there is none. */
  #check: Promise<void> | undefined;
  #lastError: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosing = false;

  /** Begins to connect; until the server is there, every call rejects. */
  constructor(
    address: RedisAddress,
    namespace: string,
    events: ConnectionEvents = {},
    patience: Partial<Patience> = {},
  ) {
    this.#address = address;
    this.#namespace = namespace;
    this.#events = events;
    this.#patience = { ...PATIENCE, ...patience };
    this.#client = this.#open();
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Makes these calls on the connection. Rejects with an error that names the server if it is why they fail. */
  async run<T>(call: (connection: RedisConnection) => Promise<T>): Promise<T> {
    try {
      const client = this.#client;
      if (!client.isReady || this.#check === undefined) throw this.#unavailable(this.#lastError);
      await this.#check;
      return await call(client);
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** Ends the connection once the commands under way are answered, or overdue. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#client.isReady) await this.#client.close();
    else this.#client.destroy();
    clearTimeout(this.#timer);
  }

  #open(): RedisConnection {
    const client = newClient(this.#address);
    client.on("ready", () => this.#begin(client));
    client.on("error", (error: Error) => {
      if (client !== this.#client) return;
      this.#lost(error);
    });
    // Rejects only where `destroy` is called before the first connection: there is nobody left to report to.
    client.connect().catch(() => {});
    return client;
  }

  #begin(client: RedisConnection): void {
    if (client !== this.#client) return;
    const check = checkServer(client, this.#namespace);
    this.#check = check;
    check.then(
      () => {
        if (this.#check !== check) return;
        this.#epoch += 1;
        this.#lastError = undefined;
        this.#events.onConnected?.();
      },
      (error: Error) => {
        if (this.#check !== check) return;
        this.#events.onDisconnected?.(this.#named(error));
        const again = () => {
          if (this.#check === check && client.isReady) this.#begin(client);
        };
        setTimeout(again, CHECK_AGAIN_AFTER).unref();
      },
    );
    this.#watch(client);
  }

  #lost(error: Error): void {
    this.#check = undefined;
    this.#lastError = error;
    clearTimeout(this.#timer);
    if (!this.#isClosing) this.#events.onDisconnected?.(this.#unavailable(error));
  }

  /** Pings it from now on, and makes a new connection when an answer is overdue. */
  #watch(client: RedisConnection): void {
    const { pingInterval, answerTimeout } = this.#patience;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = setTimeout(() => {
        this.#lost(new Error(`no answer within ${answerTimeout / 1_000} s`));
        if (!this.#isClosing) this.#client = this.#open();
        client.destroy();
      }, answerTimeout);
      const answered = () => {
        if (client === this.#client && client.isReady && !this.#isClosing) this.#watch(client);
      };
      client.sendCommand(["PING"]).then(answered, answered);
    }, pingInterval);
  }

  #unavailable(cause: Error | undefined): Error {
    const reason =
      cause?.message || (cause !== undefined && "code" in cause ? String(cause.code) : "not connected yet");
    return new Error(`Redis at ${addressText(this.#address)} is unavailable: ${reason}`, { cause });
  }

  /** An error that is the server's or the connection's, with the address; any other as it is. */
  #named(error: unknown): Error {
    if (!(error instanceof Error)) return new Error(String(error));
    if (error instanceof ErrorReply || error instanceof UnsuitableServerError)
      return new Error(`Redis at ${addressText(this.#address)}: ${error.message}`, { cause: error });
    return isConnectionError(error) ? this.#unavailable(error) : error;
  }
}

function isConnectionError(error: Error): boolean {
  return CONNECTION_ERRORS.some((kind) => error instanceof kind) || "syscall" in error;
}
