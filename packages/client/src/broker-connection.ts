/**
 * A single connection to the broker. It never reconnects, so its owner knows which connection carried which batch.
 *
 * Promises: every batch ends within ANSWER_TIMEOUT in one of three outcomes: `stored`; `refused`, if the server replied with
 * an error and nothing was stored; `doubt`, if the reply was lost and it may be either. It emits no unhandled errors, and
 * doesn't keep the process alive.
 */
import { shardNamespace, shardsKey } from "@chouette-iot/queue";
import { addToAppend, emptyAppend } from "@chouette-iot/queue/redis/append";
import { ErrorReply, encodeCommands, type Reply } from "@chouette-iot/queue/resp";
import { addressText, type BrokerAddress } from "@chouette-iot/queue/resp/address";
import { loginCommands } from "@chouette-iot/queue/resp/ask-server";
import { checkIsMaster, isReplaced, NotMasterError, ROLE_COMMANDS } from "@chouette-iot/queue/resp/role";
import type { ServerFinder } from "@chouette-iot/queue/resp/server-finder";
import { RedisSocket } from "@chouette-iot/queue/resp/socket";
import { milliseconds } from "@chouette-iot/record";
import { startTimer, stopTimer, type Timer } from "@chouette-iot/record/host";
import { asError } from "./any-error.js";
import type { Rows } from "./rows.js";

export type StoreOutcome =
  | { readonly kind: "stored" }
  | { readonly kind: "refused"; readonly error: Error }
  | { readonly kind: "doubt" };

/** The server's own id of a connection; undefined if the server doesn't report it (before Redis 6.2). */
export type ServerSideId = { readonly id: string; readonly address: string } | undefined;

type OnLost = (connection: BrokerConnection, error: Error) => void;

const ANSWER_TIMEOUT = milliseconds(5_000);
const KEEP_ALIVE = milliseconds(5_000);
/** Maximum wait for replicas to copy a batch. */
const COPY_TIMEOUT = milliseconds(1_000);
/** A day: older records have exceeded any agent's METRIC_TTL, so their marker isn't needed. */
const MARKER_SECONDS = "86400";

/** Number of commands in a batch's transaction, MULTI and EXEC included. */
const TRANSACTION_LENGTH = 5;

export interface ConnectionOptions {
  /** Of the keys that are looked for in a Cluster. */
  readonly namespace: string;
  /** Number of shards that the broker must have; undefined without shards. */
  readonly shards: number | undefined;
  /** Number of replicas that must have a batch before it counts as stored. */
  readonly waitReplicas: number;
  /** Called once when an open connection ends, except by `close`. */
  readonly onLost: OnLost;
}

export class BrokerConnection {
  readonly #socket: RedisSocket;
  readonly #finder: ServerFinder;
  readonly #options: ConnectionOptions;
  #isOpen = false;
  #lost = false;
  serverSideId: ServerSideId;

  private constructor(address: BrokerAddress, finder: ServerFinder, options: ConnectionOptions) {
    this.#finder = finder;
    this.#options = options;
    this.#socket = new RedisSocket(address, {
      // So that the system notices a dead peer.
      keepAlive: KEEP_ALIVE,
      onEnd: (error) => this.#lose(error),
    });
  }

  /**
   * Connects and logs in. Rejects within ANSWER_TIMEOUT after the server is found. With Sentinels or shards, it also rejects if
   * the server isn't the master, and if it has another number of shards.
   */
  static async open(finder: ServerFinder, options: ConnectionOptions): Promise<BrokerConnection> {
    const address = await finder.find();
    const connection = new BrokerConnection(address, finder, options);
    try {
      connection.serverSideId = await connection.#logIn(address);
      await connection.#checkShards();
      connection.#isOpen = true;
      return connection;
    } catch (error) {
      connection.close();
      if (!(error instanceof NotMasterError)) throw error;
      finder.distrust();
      throw new Error(`Redis at ${addressText(address)}: ${error.message}`);
    }
  }

  get isLost(): boolean {
    return this.#lost;
  }

  /** Stores the records in one MULTI, together with the marker as the proof. Never rejects. */
  async store(rows: Rows, marker: string, sequence: string): Promise<StoreOutcome> {
    if (this.#lost) return { kind: "doubt" };
    const [addKeys, addValues] = appendCommands(rows);
    const marked = ["SET", marker, sequence, "EX", MARKER_SECONDS];
    try {
      const transaction = [["MULTI"], addKeys, addValues, marked, ["EXEC"]];
      const answers = await this.#send([...transaction, ...this.#waitForCopies()]);
      const replies = answers.slice(0, TRANSACTION_LENGTH);
      const executed = replies.at(-1);
      // The first error has the reason; EXEC's own says only that there was one.
      const error = errorIn(replies) ?? (Array.isArray(executed) ? errorIn(executed) : undefined);
      if (error !== undefined) {
        this.#leaveIfReplaced(error);
        return { kind: "refused", error: this.#explained(error) };
      }
      if (Array.isArray(executed) && executed.length === 3 && executed[2] === "OK") {
        this.#checkCopies(answers[TRANSACTION_LENGTH]);
        return { kind: "stored" };
      }
      throw new Error("the server's answer makes no sense");
    } catch (error) {
      // Later replies can't be matched to their commands.
      this.#lose(asError(error));
      return { kind: "doubt" };
    }
  }

  /**
   * The sequence that was last stored with this marker and copied to enough replicas; null if there is none. Rejects if the
   * server doesn't answer or refuses, or too few replicas have copied it.
   */
  async readMarker(marker: string): Promise<string | null> {
    const waiting = this.#waitForCopies();
    // WAIT covers only this connection's writes, so it needs one that follows the write in question.
    const write = waiting.length === 0 ? [] : [["EXPIRE", marker, MARKER_SECONDS]];
    const replies = await this.#send([["GET", marker], ...write, ...waiting]);
    const [reply] = replies;
    if (reply instanceof ErrorReply) {
      this.#leaveIfReplaced(reply);
      throw reply;
    }
    if (typeof reply !== "string") return null;
    this.#checkCopies(replies.at(-1));
    return reply;
  }

  /**
   * Ends an earlier connection at the server, so that the server executes nothing that it has yet to read from it. Both id
   * and address must match, since ids start from 1 after a restart. If the server refuses (missing rights, an old version),
   * this has no effect.
   */
  async fence(earlier: ServerSideId): Promise<void> {
    if (earlier === undefined) return;
    await this.#send([["CLIENT", "KILL", "ID", earlier.id, "ADDR", earlier.address]]);
  }

  /** Ends the connection if another server has become the master, or the number of shards has changed. Never rejects. */
  async checkAgain(): Promise<void> {
    try {
      if (await this.#finder.hasFailedOver()) this.#lose(new Error("the Sentinels name another master"));
      else await this.#checkShards();
    } catch (error) {
      if (error instanceof ErrorReply) this.#leaveIfReplaced(error);
      else this.#lose(asError(error));
    }
  }

  /** Ends the connection without calling `onLost`. */
  close(): void {
    this.#lost = true;
    this.#socket.destroy();
  }

  #waitForCopies(): readonly (readonly string[])[] {
    const { waitReplicas } = this.#options;
    return waitReplicas === 0 ? [] : [["WAIT", `${waitReplicas}`, `${COPY_TIMEOUT}`]];
  }

  /** Throws if too few replicas have copied the records. @param copies the reply to WAIT */
  #checkCopies(copies: Reply | undefined): void {
    const { waitReplicas } = this.#options;
    if (waitReplicas === 0) return;
    if (copies instanceof ErrorReply) throw copies;
    if (typeof copies !== "number" || copies < waitReplicas)
      throw new Error(`${copies} of ${waitReplicas} replicas have copied the records (waitReplicas)`);
  }

  async #send(commands: readonly (readonly string[])[]): Promise<readonly Reply[]> {
    const timer = this.#expectAnswer();
    try {
      return await this.#socket.send(encodeCommands(commands));
    } finally {
      stopTimer(timer);
    }
  }

  #expectAnswer(): Timer {
    const giveUp = () => this.#lose(new Error(`the broker gave no answer for ${ANSWER_TIMEOUT} ms`));
    return startTimer(giveUp, ANSWER_TIMEOUT);
  }

  #lose(error: Error): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#socket.destroy(error);
    if (this.#isOpen) this.#options.onLost(this, error);
  }

  /** Another server has the data now: the next connection is to that one. */
  #leaveIfReplaced(error: ErrorReply): void {
    if (this.#finder.mayChange && isReplaced(error)) this.#lose(error);
  }

  #explained(error: ErrorReply): Error {
    if (this.#options.shards !== undefined || !/^(MOVED|CROSSSLOT)\b/.test(error.message)) return error;
    return new Error("the broker is a Redis Cluster, which needs shards (CHOUETTE_SHARDS)");
  }

  /** Throws if the broker has another number of shards. None is stored until the first agent has started. */
  async #checkShards(): Promise<void> {
    const { shards, namespace } = this.#options;
    if (shards === undefined) return;
    const all = Array.from({ length: shards }, (_, shard) => shardNamespace(shard));
    const namespaces = this.#finder.isCluster ? [namespace] : all;
    const counts = await this.#send(namespaces.map((each) => ["GET", shardsKey(each)]));
    const error = errorIn(counts);
    if (error !== undefined) throw error;
    const other = counts.find((count) => count !== null && count !== `${shards}`);
    if (other !== undefined)
      throw new Error(`the broker has ${other} shards, this program ${shards} (CHOUETTE_SHARDS)`);
  }

  /** Returns the server's id of this connection. */
  async #logIn(address: BrokerAddress): Promise<ServerSideId> {
    const { database } = address;
    const commands = [...loginCommands(address), ...(database === 0 ? [] : [["SELECT", `${database}`]])];
    const asked = this.#finder.mayChange ? ROLE_COMMANDS : [];
    const replies = await this.#send([...commands, ...asked, ["CLIENT", "INFO"]]);
    const info = replies.at(-1);
    const error = errorIn(replies.slice(0, commands.length));
    if (error !== undefined) throw error;
    checkIsMaster(replies.slice(commands.length, -1));
    // An old or restricted server may refuse CLIENT INFO alone; one that requires a password refuses everything.
    if (info instanceof ErrorReply && /^(NOAUTH|LOADING)/.test(info.message)) throw info;
    return typeof info === "string" ? readServerSideId(info) : undefined;
  }
}

function appendCommands({ queue, scores, ids, values }: Rows) {
  const commands = emptyAppend(queue);
  for (let row = 0; row < ids.length; row++) {
    addToAppend(commands, scores[row] ?? "", ids[row] ?? "", values[row] ?? "");
  }
  return commands;
}

function readServerSideId(info: string): ServerSideId {
  const id = /\bid=(\d+)/.exec(info)?.[1];
  const address = /\baddr=(\S+)/.exec(info)?.[1];
  return id === undefined || address === undefined ? undefined : { id, address };
}

function errorIn(replies: readonly Reply[]): ErrorReply | undefined {
  return replies.find((reply) => reply instanceof ErrorReply);
}
