/**
 * One connection to the broker, from connecting to its end. It never reconnects, so that its holder knows which
 * connection carried what.
 *
 * Promises: every batch ends in one of three outcomes, within ANSWER_TIMEOUT: `stored`; `refused`, if the server
 * said so and nothing was stored; `doubt`, if the answer was lost and it may be either. It never throws an event
 * that nobody hears, and holds nothing that keeps the process alive.
 */
import { addToAppend, emptyAppend } from "@chouette-iot/queue/redis/append";
import {
  type RedisAddress,
  type RedisConnection,
  singleConnection,
} from "@chouette-iot/queue/redis/connection";
import { milliseconds } from "@chouette-iot/record";
import { ErrorReply } from "@redis/client";
import type { Rows } from "./rows.js";

export type StoreOutcome =
  | { readonly kind: "stored" }
  | { readonly kind: "refused"; readonly error: Error }
  | { readonly kind: "doubt" };

/** How the server identifies a connection; undefined if it doesn't say (before Redis 6.2). */
export type ServerSideId = { readonly id: string; readonly address: string } | undefined;

type OnLost = (connection: BrokerConnection, error: Error) => void;

const ANSWER_TIMEOUT = milliseconds(5_000);
/** A record older than a day is past any agent's METRIC_TTL: a marker need not outlive it. */
const MARKER_SECONDS = "86400";

export class BrokerConnection {
  readonly #redis: RedisConnection;
  readonly #onLost: OnLost;
  #lost = false;
  serverSideId: ServerSideId;

  private constructor(redis: RedisConnection, onLost: OnLost) {
    this.#redis = redis;
    this.#onLost = onLost;
  }

  /** Creates a connection that is never used: the driver's first one takes half as long as loading the driver. */
  static warmUp(address: RedisAddress): void {
    singleConnection(address);
  }

  /**
   * Connects, or rejects within ANSWER_TIMEOUT.
   * @param onLost called once, when an open connection has ended in any way but `close`
   */
  static async open(address: RedisAddress, onLost: OnLost): Promise<BrokerConnection> {
    const redis = singleConnection(address);
    const connection = new BrokerConnection(redis, onLost);
    let opened = false;
    let firstError: Error | undefined;
    redis.on("error", (error: Error) => {
      firstError ??= error;
      if (opened) connection.#lose(error);
    });
    const timer = setTimeout(() => redis.destroy(), ANSWER_TIMEOUT).unref();
    try {
      await redis.connect();
      connection.serverSideId = await readServerSideId(redis);
      opened = true;
      if (!redis.isReady) throw firstError ?? new Error("the connection ended while it was opened");
      return connection;
    } catch (error) {
      redis.destroy();
      throw redis.isOpen || firstError === undefined ? error : firstError;
    } finally {
      clearTimeout(timer);
    }
  }

  get isLost(): boolean {
    return this.#lost;
  }

  /** Stores the records and, as proof, the marker, in one MULTI. */
  async store(rows: Rows, marker: string, sequence: string): Promise<StoreOutcome> {
    if (this.#lost) return { kind: "doubt" };
    const timer = this.#expectAnswer();
    const [addKeys, addValues] = appendCommands(rows);
    try {
      const answer = await this.#redis
        .multi()
        .addCommand(addKeys)
        .addCommand(addValues)
        .addCommand(["SET", marker, sequence, "EX", MARKER_SECONDS])
        .exec();
      const last: unknown = answer[2];
      if (answer.length === 3 && String(last) === "OK") return { kind: "stored" };
      throw new Error("the server's answer makes no sense");
    } catch (error) {
      if (error instanceof ErrorReply) return { kind: "refused", error };
      // The answers that follow can't be matched to their commands any more.
      this.#lose(asError(error));
      return { kind: "doubt" };
    } finally {
      clearTimeout(timer);
    }
  }

  /** The sequence that was last stored with this marker. Rejects if the server doesn't answer. */
  async readMarker(marker: string): Promise<string | null> {
    const timer = this.#expectAnswer();
    try {
      return await this.#redis.sendCommand<string | null>(["GET", marker]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Ends an earlier connection at the server, so that nothing that it still has to read is carried out after this.
   * Both id and address must match, since a server counts its ids from 1 after a restart. If the server refuses
   * (missing rights, an old version), nothing is ended.
   */
  async fence(earlier: ServerSideId): Promise<void> {
    if (earlier === undefined) return;
    const timer = this.#expectAnswer();
    try {
      await this.#redis.sendCommand(["CLIENT", "KILL", "ID", earlier.id, "ADDR", earlier.address]);
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the connection without calling `onLost`. */
  close(): void {
    this.#lost = true;
    this.#redis.destroy();
  }

  #expectAnswer(): NodeJS.Timeout {
    const silence = () => this.#lose(new Error(`the broker gave no answer for ${ANSWER_TIMEOUT} ms`));
    return setTimeout(silence, ANSWER_TIMEOUT).unref();
  }

  #lose(error: Error): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#redis.destroy();
    this.#onLost(this, error);
  }
}

function appendCommands({ queue, scores, ids, values }: Rows) {
  const commands = emptyAppend(queue);
  for (let row = 0; row < ids.length; row++) {
    addToAppend(commands, scores[row] ?? "", ids[row] ?? "", values[row] ?? "");
  }
  return commands;
}

async function readServerSideId(redis: RedisConnection): Promise<ServerSideId> {
  try {
    const text = String(await redis.sendCommand(["CLIENT", "INFO"]));
    const id = /\bid=(\d+)/.exec(text)?.[1];
    const address = /\baddr=(\S+)/.exec(text)?.[1];
    return id === undefined || address === undefined ? undefined : { id, address };
  } catch (error) {
    // An old or restricted server doesn't know the command; one that wants a password refuses everything.
    if (error instanceof ErrorReply && !/^(NOAUTH|LOADING)/.test(error.message)) return undefined;
    throw error;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
