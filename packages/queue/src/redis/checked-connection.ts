/**
 * The connection of a store: checked whenever it is made, dropped if the server stops answering, and reopened with
 * exponential backoff and full jitter, forever.
 *
 * Promises: nothing is sent before the server has proved suitable. If it isn't, every call rejects with the reason and the
 * address. A server that hangs is dropped after {@link Patience}, however much is in flight: Redis answers in order, so an
 * overdue ping means that everything before it is overdue. The {@link epoch} changes with each reconnect.
 *
 * With Sentinels, they are asked before each connection, and nothing is sent to a server that isn't the master. A master
 * that was demoted, or replaced while it was cut off from the others, is dropped. So is a node of a Cluster that doesn't have
 * the shard any more. While a shard is moving, commands are refused (ASK, TRYAGAIN), and nothing of them is applied.
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
import { newFinder } from "../resp/cluster-finder.js";
import type { Reply } from "../resp/resp.js";
import { checkIsMaster, isReplaced, NotMasterError, ROLE_COMMANDS } from "../resp/role.js";
import type { ServerFinder } from "../resp/server-finder.js";
import { shardsKey } from "../shards.js";
import { reconnectDelay } from "./backoff.js";
import type { KeySpace } from "./keys.js";
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

/** When to drop a server that doesn't answer. */
export interface Patience {
  /** How often it is pinged. */
  readonly pingInterval: Milliseconds;
  /** How long a ping may take, and with it every command before. A worn SD card can block Redis for seconds. */
  readonly answerTimeout: Milliseconds;
}

const PATIENCE: Patience = { pingInterval: milliseconds(5_000), answerTimeout: milliseconds(10_000) };
/** When to check an unsuitable server again: it may be loading its data, for example. */
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
  readonly #finder: ServerFinder;
  readonly #keys: KeySpace;
  readonly #events: ConnectionEvents;
  readonly #patience: Patience;
  /** Undefined while there is no connection, or the address isn't known yet. */
  #client: RedisConnection | undefined;
  /** The server of the current or the last connection; undefined before the first. */
  #server: BrokerAddress | undefined;
  #epoch = 0;
  /** The check of the current connection; undefined without one. */
  #check: Promise<void> | undefined;
  #lastError: Error | undefined;
  /** Failed attempts since the last working connection. */
  #failures = 0;
  /** Timer of the next attempt. */
  #retry: NodeJS.Timeout | undefined;
  /** Timer of the next ping, or of the deadline for its answer. */
  #timer: NodeJS.Timeout | undefined;
  #isClosing = false;

  /** Starts to connect; until that succeeds, every call rejects. Throws if the address is invalid. */
  constructor(
    address: RedisAddress,
    keys: KeySpace,
    events: ConnectionEvents = {},
    patience: Partial<Patience> = {},
  ) {
    this.#finder = newFinder(parsedAddress(address), keys.isShard ? shardsKey(keys.namespace) : undefined);
    this.#keys = keys;
    this.#events = events;
    this.#patience = { ...PATIENCE, ...patience };
    void this.#open();
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Host and port of the current or the last server; undefined before the first connection. */
  get server(): string | undefined {
    return this.#server && addressText(this.#server);
  }

  /** Whether the server is a node of a Redis Cluster; false before the first connection, and without a shard. */
  get isCluster(): boolean {
    return this.#finder.isCluster;
  }

  /** Runs calls on the connection. Rejects with an error that names the server if that is the cause. */
  async run<T>(call: (connection: RedisConnection) => Promise<T>): Promise<T> {
    const client = this.#client;
    try {
      if (!client?.isReady || this.#check === undefined) throw this.#unavailable(this.#lastError);
      await this.#check;
      return await call(client);
    } catch (error) {
      const named = this.#named(error);
      if (client !== undefined && this.#finder.mayChange && isReplaced(error)) this.#lose(client, named);
      throw named;
    }
  }

  /** Closes the connection once the commands in flight are answered or overdue. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#retry);
    if (this.#client?.isReady) await this.#client.close();
    else this.#client?.destroy();
    clearTimeout(this.#timer);
  }

  async #open(): Promise<void> {
    const server = await whileHeld(this.#finder.find()).catch((error: Error) => this.#retryLater(error));
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
        if (this.#finder.mayChange) {
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
    if (this.#finder.mayChange) {
      const asked = ROLE_COMMANDS.map((command) => client.sendCommand<Reply>([...command]));
      const answers = await Promise.allSettled(asked);
      checkIsMaster(answers.map((answer) => (answer.status === "fulfilled" ? answer.value : null)));
    }
    await checkServer(client, this.#keys);
  }

  /** Drops this connection, unless it is gone already, and schedules another. */
  #lose(client: RedisConnection, error: Error): void {
    if (client !== this.#client) return;
    if (error instanceof NotMasterError) this.#finder.distrust();
    this.#client = undefined;
    this.#check = undefined;
    clearTimeout(this.#timer);
    // Later, so that commands in flight reject with the driver's own reason, if it has one.
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

  /** Pings the server from now on, and drops it when an answer is overdue or another server is the master. */
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
    if (await this.#finder.hasFailedOver())
      this.#lose(client, new Error("the Sentinels name another master"));
  }

  #unavailable(cause: Error | undefined): Error {
    // A search for the server names those that it asked.
    if (cause?.message.startsWith("Redis at ")) return cause;
    const reason =
      cause?.message || (cause !== undefined && "code" in cause ? String(cause.code) : "not connected yet");
    return new Error(`Redis at ${this.#addressText} is unavailable: ${reason}`, { cause });
  }

  /** Adds the address to errors of the server or the connection; other errors are unchanged. */
  #named(error: unknown): Error {
    if (!(error instanceof Error)) return new Error(String(error));
    if (error instanceof ErrorReply || error instanceof UnsuitableServerError)
      return new Error(`Redis at ${this.#addressText}: ${error.message}`, { cause: error });
    return isConnectionError(error) ? this.#unavailable(error) : error;
  }

  /** The server, or the given address before it is known. */
  get #addressText(): string {
    return this.server ?? this.#finder.text;
  }
}

function isConnectionError(error: Error): boolean {
  return CONNECTION_ERRORS.some((kind) => error instanceof kind) || "syscall" in error;
}
