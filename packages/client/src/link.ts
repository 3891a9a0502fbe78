/**
 * A link: one connection to the broker, from its making to its end. It is never made again: whoever holds it
 * knows that what it carried was carried by this connection and no other.
 *
 * Promises: every batch ends in one of three outcomes, within ANSWER_TIMEOUT: `stored`; `refused`, where the server
 * said so and nothing was stored; `doubt`, where the answer was lost and it may be either. It never throws an event
 * that nobody hears, and holds nothing that keeps the process alive.
 */
import type { AppendCommands } from "@chouette-iot/queue/redis/append";
import {
  type RedisAddress,
  type RedisConnection,
  singleConnection,
} from "@chouette-iot/queue/redis/connection";
import { milliseconds } from "@chouette-iot/record";
import { ErrorReply } from "@redis/client";

export type Outcome =
  | { readonly kind: "stored" }
  | { readonly kind: "refused"; readonly error: Error }
  | { readonly kind: "doubt" };

/** How the server knows a connection; undefined where it can't say (before Redis 6.2). */
export type Peer = { readonly id: string; readonly address: string } | undefined;

const ANSWER_TIMEOUT = milliseconds(5_000);
/** A record older than a day is past any agent's METRIC_TTL: a marker need not outlive it. */
const MARKER_SECONDS = "86400";

export class Link {
  readonly #connection: RedisConnection;
  readonly #onLost: (link: Link, error: Error) => void;
  #lost = false;
  peer: Peer;

  private constructor(connection: RedisConnection, onLost: (link: Link, error: Error) => void) {
    this.#connection = connection;
    this.#onLost = onLost;
  }

  /** Makes a connection that is never used: the first one takes the driver half as long as all its loading. */
  static prepare(address: RedisAddress): void {
    singleConnection(address);
  }

  /**
   * Connects, or rejects within ANSWER_TIMEOUT.
   * @param onLost called once, when a link that was open has ended in any way but `close`
   */
  static async open(address: RedisAddress, onLost: (link: Link, error: Error) => void): Promise<Link> {
    const connection = singleConnection(address);
    const link = new Link(connection, onLost);
    let opened = false;
    let firstError: Error | undefined;
    connection.on("error", (error: Error) => {
      firstError ??= error;
      if (opened) link.#lose(error);
    });
    const timer = setTimeout(() => connection.destroy(), ANSWER_TIMEOUT).unref();
    try {
      await connection.connect();
      link.peer = await readPeer(connection);
      opened = true;
      if (!connection.isReady) throw firstError ?? new Error("the connection ended while it was opened");
      return link;
    } catch (error) {
      connection.destroy();
      throw connection.isOpen || firstError === undefined ? error : firstError;
    } finally {
      clearTimeout(timer);
    }
  }

  get isLost(): boolean {
    return this.#lost;
  }

  /** Stores the records and the marker that tells of it, in one MULTI. */
  async store([addKeys, addValues]: AppendCommands, marker: string, sequence: string): Promise<Outcome> {
    if (this.#lost) return { kind: "doubt" };
    const timer = this.#expectAnswer();
    try {
      const answer = await this.#connection
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
      // The answers that follow can't be told apart any more.
      this.#lose(asError(error));
      return { kind: "doubt" };
    } finally {
      clearTimeout(timer);
    }
  }

  /** The sequence that was last stored under this marker. Rejects where the server doesn't answer. */
  async readMarker(marker: string): Promise<string | null> {
    const timer = this.#expectAnswer();
    try {
      return await this.#connection.sendCommand<string | null>(["GET", marker]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Ends an earlier connection at the server, so that nothing it still sent can be carried out after this. Both names
   * are asked for, since ids begin anew with the server. Where the server refuses (its rights, its age), nothing is ended.
   */
  async fence(earlier: Peer): Promise<void> {
    if (earlier === undefined) return;
    const timer = this.#expectAnswer();
    try {
      await this.#connection.sendCommand(["CLIENT", "KILL", "ID", earlier.id, "ADDR", earlier.address]);
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the link without a word to `onLost`. */
  close(): void {
    this.#lost = true;
    this.#connection.destroy();
  }

  #expectAnswer(): NodeJS.Timeout {
    const silence = () => this.#lose(new Error(`the broker gave no answer for ${ANSWER_TIMEOUT} ms`));
    return setTimeout(silence, ANSWER_TIMEOUT).unref();
  }

  #lose(error: Error): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#connection.destroy();
    this.#onLost(this, error);
  }
}

async function readPeer(connection: RedisConnection): Promise<Peer> {
  try {
    const text = String(await connection.sendCommand(["CLIENT", "INFO"]));
    const id = /\bid=(\d+)/.exec(text)?.[1];
    const address = /\baddr=(\S+)/.exec(text)?.[1];
    return id === undefined || address === undefined ? undefined : { id, address };
  } catch (error) {
    // An old or a bounded server doesn't know the command; one that wants a password refuses everything.
    if (error instanceof ErrorReply && !/^(NOAUTH|LOADING)/.test(error.message)) return undefined;
    throw error;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
