/**
 * A single connection to the broker. It never reconnects, so its owner knows which connection carried which batch.
 *
 * Promises: every batch ends within ANSWER_TIMEOUT in one of three outcomes: `stored`; `refused`, if the server replied with
 * an error and nothing was stored; `doubt`, if the reply was lost and it may be either. It emits no unhandled errors, and
 * doesn't keep the process alive.
 */
import { addToAppend, emptyAppend } from "@chouette-iot/queue/redis/append";
import { ErrorReply, encodeCommands, type Reply } from "@chouette-iot/queue/resp";
import { addressText, type BrokerAddress } from "@chouette-iot/queue/resp/address";
import type { MasterFinder } from "@chouette-iot/queue/resp/master-finder";
import { checkIsMaster, isDemotion, NotMasterError, ROLE_COMMANDS } from "@chouette-iot/queue/resp/role";
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
  /** Number of replicas that must have a batch before it counts as stored. */
  readonly waitReplicas: number;
  /** Called once when an open connection ends, except by `close`. */
  readonly onLost: OnLost;
}

export class BrokerConnection {
  readonly #socket: RedisSocket;
  readonly #master: MasterFinder;
  readonly #onLost: OnLost;
  readonly #waitReplicas: number;
  #isOpen = false;
  #lost = false;
  serverSideId: ServerSideId;

  private constructor(
    address: BrokerAddress,
    master: MasterFinder,
    { waitReplicas, onLost }: ConnectionOptions,
  ) {
    this.#master = master;
    this.#waitReplicas = waitReplicas;
    this.#onLost = onLost;
    this.#socket = new RedisSocket(address, {
      // So that the system notices a dead peer.
      keepAlive: KEEP_ALIVE,
      onEnd: (error) => this.#lose(error),
    });
  }

  /**
   * Connects and logs in. Rejects within ANSWER_TIMEOUT after the server is found. With Sentinels, it also rejects if the
   * server isn't the master.
   */
  static async open(master: MasterFinder, options: ConnectionOptions): Promise<BrokerConnection> {
    const address = await master.find();
    const connection = new BrokerConnection(address, master, options);
    try {
      connection.serverSideId = await connection.#logIn(address);
      connection.#isOpen = true;
      return connection;
    } catch (error) {
      connection.close();
      if (!(error instanceof NotMasterError)) throw error;
      master.distrust();
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
        if (this.#master.hasSentinels && isDemotion(error)) this.#lose(error);
        return { kind: "refused", error };
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
    if (reply instanceof ErrorReply) throw reply;
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

  /** Ends the connection if another server has become the master. Never rejects. */
  async endIfReplaced(): Promise<void> {
    if (await this.#master.hasFailedOver()) this.#lose(new Error("the Sentinels name another master"));
  }

  /** Ends the connection without calling `onLost`. */
  close(): void {
    this.#lost = true;
    this.#socket.destroy();
  }

  #waitForCopies(): readonly (readonly string[])[] {
    return this.#waitReplicas === 0 ? [] : [["WAIT", `${this.#waitReplicas}`, `${COPY_TIMEOUT}`]];
  }

  /** Throws if too few replicas have copied the records. @param copies the reply to WAIT */
  #checkCopies(copies: Reply | undefined): void {
    if (this.#waitReplicas === 0) return;
    if (copies instanceof ErrorReply) throw copies;
    if (typeof copies !== "number" || copies < this.#waitReplicas)
      throw new Error(`${copies} of ${this.#waitReplicas} replicas have copied the records (waitReplicas)`);
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
    if (this.#isOpen) this.#onLost(this, error);
  }

  /** Returns the server's id of this connection. */
  async #logIn({ username, password, database }: BrokerAddress): Promise<ServerSideId> {
    const login = username === undefined ? [] : [username];
    const commands = [
      ...(username === undefined && password === undefined ? [] : [["AUTH", ...login, password ?? ""]]),
      ...(database === 0 ? [] : [["SELECT", `${database}`]]),
    ];
    const asked = this.#master.hasSentinels ? ROLE_COMMANDS : [];
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
