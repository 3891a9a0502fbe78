/**
 * The connection of a store: checked each time that it is made, given up if the server stops answering, and made again with
 * exponential backoff and full jitter, forever.
 *
 * Promises: nothing is sent before the server turned out to be one that Chouette can work with; what it can't work
 * with is named in the error of every call, with its address. A server that hangs is given up after {@link Patience},
 * however much is still sent to it: Redis answers in order, so that an overdue ping means that everything before it is
 * overdue, too. The {@link epoch} is another one after each reconnect.
 *
 * With Sentinels, they are asked before each connection, and nothing is sent to a server that says that it is no master. A
 * master that was demoted, or that was replaced while it is cut off from the others, is given up.
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
import { addressText, type BrokerAddress } from "../resp/address.js";
import { MasterFinder } from "../resp/master-finder.js";
import type { Reply } from "../resp/resp.js";
import { checkIsMaster, isDemotion, NotMasterError, ROLE_COMMANDS } from "../resp/role.js";
import { reconnectDelay } from "./backoff.js";
import {
  type ConnectionEvents,
  parsedAddress,
  type RedisAddress,
  type RedisConnection,
  watchedConnection,
  whileHeld,
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
  readonly #master: MasterFinder;
  readonly #namespace: string;
  readonly #events: ConnectionEvents;
  readonly #patience: Patience;
  /** Undefined while there is none, or while it is not known where to connect to. */
  #client: RedisConnection | undefined;
  /** Where the connection leads to, or did; undefined until that is known. */
  #server: BrokerAddress | undefined;
  #epoch = 0;
  /** Of the connection as it is now; undefined while there is none. */
  #check: Promise<void> | undefined;
  #lastError: Error | undefined;
  /** Since a connection was good. */
  #failures = 0;
  /** Of the next attempt. */
  #retry: NodeJS.Timeout | undefined;
  /** Of the next ping, or of its answer. */
  #timer: NodeJS.Timeout | undefined;
  #isClosing = false;

  /** Begins to connect; until the server is there, every call rejects. Throws if the address is wrong. */
  constructor(
    address: RedisAddress,
    namespace: string,
    events: ConnectionEvents = {},
    patience: Partial<Patience> = {},
  ) {
    this.#master = new MasterFinder(parsedAddress(address));
    this.#namespace = namespace;
    this.#events = events;
    this.#patience = { ...PATIENCE, ...patience };
    void this.#open();
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Host and port of the server that was connected to last; undefined before. */
  get server(): string | undefined {
    return this.#server && addressText(this.#server);
  }

  /** Makes these calls on the connection. Rejects with an error that names the server if it is why they fail. */
  async run<T>(call: (connection: RedisConnection) => Promise<T>): Promise<T> {
    const client = this.#client;
    try {
      if (!client?.isReady || this.#check === undefined) throw this.#unavailable(this.#lastError);
      await this.#check;
      return await call(client);
    } catch (error) {
      const named = this.#named(error);
      if (client !== undefined && this.#master.hasSentinels && isDemotion(error)) this.#lose(client, named);
      throw named;
    }
  }

  /** Ends the connection once the commands under way are answered, or overdue. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#retry);
    if (this.#client?.isReady) await this.#client.close();
    else this.#client?.destroy();
    clearTimeout(this.#timer);
  }

  async #open(): Promise<void> {
    const server = await whileHeld(this.#master.find()).catch((error: Error) => this.#retryLater(error));
    if (server === undefined || this.#isClosing) return;
    this.#server = server;
    const client = watchedConnection(server);
    this.#client = client;
    client.on("ready", () => this.#begin(client));
    client.on("error", (error: Error) => this.#lose(client, error));
    client.connect().catch((error: Error) => this.#lose(client, error));
  }

  #begin(client: RedisConnection): void {
    if (client !== this.#client) return;
    const check = this.#checked(client);
    this.#check = check;
    check.then(
      () => {
        if (this.#check !== check) return;
        this.#epoch += 1;
        this.#failures = 0;
        this.#lastError = undefined;
        this.#events.onConnected?.(this.server ?? "");
      },
      (error: Error) => {
        if (this.#check !== check) return;
        if (this.#master.hasSentinels) {
          this.#lose(client, error);
          return;
        }
        this.#events.onDisconnected?.(this.#named(error));
        const again = () => {
          if (this.#check === check && client.isReady) this.#begin(client);
        };
        setTimeout(again, CHECK_AGAIN_AFTER).unref();
      },
    );
    this.#watch(client);
  }

  async #checked(client: RedisConnection): Promise<void> {
    if (this.#master.hasSentinels) {
      const asked = ROLE_COMMANDS.map((command) => client.sendCommand<Reply>([...command]));
      const answers = await Promise.allSettled(asked);
      checkIsMaster(answers.map((answer) => (answer.status === "fulfilled" ? answer.value : null)));
    }
    await checkServer(client, this.#namespace);
  }

  /** Ends this connection, unless it has ended, and makes another one later. */
  #lose(client: RedisConnection, error: Error): void {
    if (client !== this.#client) return;
    if (error instanceof NotMasterError) this.#master.distrust();
    this.#client = undefined;
    this.#check = undefined;
    clearTimeout(this.#timer);
    // Afterwards: what is under way is to be rejected with the driver's reason, if there is one.
    queueMicrotask(() => client.destroy());
    this.#retryLater(error);
  }

  #retryLater(error: Error): void {
    this.#lastError = error;
    if (this.#isClosing) return;
    this.#events.onDisconnected?.(this.#unavailable(error));
    // The listener may have closed it.
    if (this.#isClosing) return;
    this.#retry = setTimeout(() => void this.#open(), reconnectDelay(this.#failures++));
  }

  /** Pings it from now on, and gives it up when an answer is overdue or it was replaced. */
  #watch(client: RedisConnection): void {
    const { pingInterval, answerTimeout } = this.#patience;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const overdue = () => this.#lose(client, new Error(`no answer within ${answerTimeout / 1_000} s`));
      this.#timer = setTimeout(overdue, answerTimeout);
      const answered = () => {
        if (client === this.#client && client.isReady && !this.#isClosing) this.#watch(client);
      };
      client.sendCommand(["PING"]).then(answered, answered);
      void this.#giveUpIfReplaced(client);
    }, pingInterval);
  }

  async #giveUpIfReplaced(client: RedisConnection): Promise<void> {
    if (await this.#master.hasFailedOver())
      this.#lose(client, new Error("the Sentinels name another master"));
  }

  #unavailable(cause: Error | undefined): Error {
    const reason =
      cause?.message || (cause !== undefined && "code" in cause ? String(cause.code) : "not connected yet");
    return new Error(`Redis at ${this.#shown} is unavailable: ${reason}`, { cause });
  }

  /** An error that is the server's or the connection's, with the address; any other as it is. */
  #named(error: unknown): Error {
    if (!(error instanceof Error)) return new Error(String(error));
    if (error instanceof ErrorReply || error instanceof UnsuitableServerError)
      return new Error(`Redis at ${this.#shown}: ${error.message}`, { cause: error });
    return isConnectionError(error) ? this.#unavailable(error) : error;
  }

  /** The server, and before it is known the Sentinels. */
  get #shown(): string {
    return this.server ?? this.#master.text;
  }
}

function isConnectionError(error: Error): boolean {
  return CONNECTION_ERRORS.some((kind) => error instanceof kind) || "syscall" in error;
}
