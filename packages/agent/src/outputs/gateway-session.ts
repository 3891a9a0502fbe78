/**
 * The connection to another agent's broker (a gateway), and the receipts that show what it has stored.
 *
 * Each batch is one MULTI: its records, a receipt that lists them, and a fence. The receipt, stored in the gateway, names the
 * last batch of a queue. An agent that doesn't know whether a batch was stored (the answer was lost, or the agent was killed
 * before it settled the batch) reads the receipt, settles the records in it, and continues: every record is accepted once.
 *
 * The fence is WATCHed from the time at which receipts are read, and each batch changes it. So once this connection has stored
 * a batch, a batch that is still on its way from an earlier connection, or from another agent of the same store, can't be
 * stored. If that one is stored first, this connection's next batch isn't, and the receipts are read again.
 *
 * Promises: a batch is `stored` only if the gateway confirmed it. A record can count twice only if the gateway lost its latest
 * writes or the receipt, which expires after 31 days, or with over 10,000 markers in an embedded broker.
 */
import { randomBytes } from "node:crypto";
import { ErrorReply, encodeCommands, type Reply } from "@chouette-iot/queue/resp";
import { addressText, type BrokerAddress } from "@chouette-iot/queue/resp/address";
import { RedisSocket } from "@chouette-iot/queue/resp/socket";
import { messageOf, milliseconds } from "@chouette-iot/record";
import { OneAtATime } from "../runtime/promises.js";

/** A batch: the commands that store its records, and its receipt. */
export interface GatewayBatch {
  readonly queue: string;
  readonly commands: readonly (readonly string[])[];
  readonly receipt: string;
}

export type StoreOutcome =
  | { readonly kind: "stored" }
  /** The gateway refused it: nothing was stored. */
  | { readonly kind: "refused"; readonly reason: string }
  /** Unknown whether it was stored: the receipt shows it. */
  | { readonly kind: "doubt"; readonly reason: string };

/** Longer than records live. */
const RECEIPT_SECONDS = "2678400";
const KEEP_ALIVE = milliseconds(60_000);
const CONNECT_TIMEOUT = milliseconds(10_000);
/** Time limit for the answer, and its extension for each kilobyte that is sent: 16 kbit/s. */
const ANSWER_TIMEOUT = milliseconds(30_000);
const MS_PER_KILOBYTE = 500;
const NOT_RESUMED = "the gateway's receipt must be read first";

interface Open {
  readonly socket: RedisSocket;
  /** Why the connection ended; undefined while it is open. */
  lost: Error | undefined;
}

export class GatewaySession {
  readonly #address: BrokerAddress;
  #sender = "";
  #open: Open | undefined;
  /** The fence as last read or written; undefined before, null if it doesn't exist. */
  #fence: string | null | undefined;
  /** Queues whose receipts were returned by `resume` since another connection last changed the fence. */
  readonly #known = new Set<string>();
  /** One exchange at a time: a transaction belongs to the connection. */
  readonly #turns = new OneAtATime();

  constructor(address: BrokerAddress) {
    this.#address = address;
  }

  /**
   * The receipt of the last batch of this queue that the gateway stored; null without one. On a new connection, and after
   * another connection changed the fence, batches of the queue are in doubt until this is called.
   * Rejects if the gateway is unavailable.
   *
   * @param sender identifies the store that the records come from
   */
  resume(sender: string, queue: string, signal?: AbortSignal): Promise<string | null> {
    return this.#inTurn(signal, async () => {
      if (sender !== this.#sender) this.#forget();
      this.#sender = sender;
      const { socket } = await this.#connected();
      // If the queue's keys had another type, a transaction would store only its receipt.
      const checks = [
        ["ZCARD", `${queue}.keys`],
        ["HLEN", `${queue}.values`],
      ];
      const [receipt] = await this.#exchange(socket, [["GET", this.#key(queue)], ...checks]);
      this.#known.add(queue);
      return typeof receipt === "string" ? receipt : null;
    });
  }

  /** Stores a batch, with its receipt. Never rejects. */
  async store(batch: GatewayBatch, signal?: AbortSignal): Promise<StoreOutcome & { readonly bytes: number }> {
    let bytes = 0;
    try {
      return await this.#inTurn(signal, async () => {
        const isKnown = () => this.#known.has(batch.queue);
        if (!isKnown()) return { kind: "doubt", reason: NOT_RESUMED, bytes } as const;
        const { socket } = await this.#connected();
        if (!isKnown()) return { kind: "doubt", reason: NOT_RESUMED, bytes } as const;
        // Unknown until the answer is received.
        this.#known.delete(batch.queue);
        const fence = randomBytes(6).toString("base64url");
        const encoded = encodeCommands([
          ["MULTI"],
          ...batch.commands,
          ["SET", this.#key(batch.queue), batch.receipt, "EX", RECEIPT_SECONDS],
          ["SET", this.#key(), fence, "EX", RECEIPT_SECONDS],
          ["EXEC"],
          ["WATCH", this.#key()],
          ["GET", this.#key()],
        ]);
        bytes = Buffer.byteLength(encoded.text);
        const replies = await this.#send(socket, encoded, bytes);
        const outcome = this.#outcomeOf(replies, fence);
        if (outcome.kind === "stored") this.#known.add(batch.queue);
        return { ...outcome, bytes };
      });
    } catch (error) {
      return { kind: "doubt", reason: messageOf(error), bytes };
    }
  }

  close(): void {
    this.#drop(new Error("the connection was closed"));
  }

  #outcomeOf(replies: readonly Reply[], fence: string): StoreOutcome {
    const [executed, watched, present] = replies.slice(-3);
    const errors = replies.slice(0, -2).filter((reply) => reply instanceof ErrorReply);
    if (executed === null) {
      const error = new Error("another connection stored records of this agent meanwhile");
      this.#drop(error);
      return { kind: "doubt", reason: error.message };
    }
    const inside = Array.isArray(executed)
      ? executed.find((reply) => reply instanceof ErrorReply)
      : undefined;
    if (inside !== undefined || !Array.isArray(executed)) {
      // The first error is the cause; EXEC's only says that there was one. The server may have been demoted.
      const [error = inside] = errors;
      const reason = error instanceof ErrorReply ? error.message : "unexpected reply";
      this.#drop(new Error(reason));
      return { kind: "refused", reason };
    }
    this.#fence = fence;
    // The batch is stored in any case. If another connection changed the fence, the receipts are read again.
    if (watched !== "OK" || present !== fence) this.#drop(new Error("the fence was changed"));
    return { kind: "stored" };
  }

  async #connected(): Promise<Open> {
    if (this.#open !== undefined && this.#open.lost === undefined) return this.#open;
    const open: Open = {
      lost: undefined,
      socket: new RedisSocket(this.#address, {
        keepAlive: KEEP_ALIVE,
        onEnd: (error) => {
          open.lost = error;
        },
      }),
    };
    this.#open = open;
    const { username, password, database } = this.#address;
    const login = username === undefined ? [] : [username];
    const replies = await this.#exchange(
      open.socket,
      [
        ...(username === undefined && password === undefined ? [] : [["AUTH", ...login, password ?? ""]]),
        ...(database === 0 ? [] : [["SELECT", `${database}`]]),
        ["WATCH", this.#key()],
        ["GET", this.#key()],
      ],
      CONNECT_TIMEOUT,
    );
    const fence = replies.at(-1);
    const present = typeof fence === "string" ? fence : null;
    if (this.#fence === undefined || present !== this.#fence) this.#known.clear();
    this.#fence = present;
    return open;
  }

  /** Rejects with the first error of the replies. */
  async #exchange(
    socket: RedisSocket,
    commands: readonly (readonly string[])[],
    timeout = ANSWER_TIMEOUT,
  ): Promise<readonly Reply[]> {
    const replies = await this.#send(socket, encodeCommands(commands), 0, timeout);
    const error = replies.find((reply) => reply instanceof ErrorReply);
    if (error === undefined) return replies;
    this.#drop(error);
    throw new Error(`${addressText(this.#address)}: ${error.message}`);
  }

  async #send(
    socket: RedisSocket,
    commands: ReturnType<typeof encodeCommands>,
    bytes: number,
    timeout = ANSWER_TIMEOUT,
  ): Promise<readonly Reply[]> {
    const patience = timeout + (bytes / 1024) * MS_PER_KILOBYTE;
    const silence = () =>
      this.#drop(
        new Error(`${addressText(this.#address)} didn't answer for ${Math.round(patience / 1_000)} s`),
      );
    const timer = setTimeout(silence, patience).unref();
    try {
      return await socket.send(commands);
    } finally {
      clearTimeout(timer);
    }
  }

  #inTurn<T>(signal: AbortSignal | undefined, step: () => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      const give = () => this.#drop(new Error("given up"));
      signal?.throwIfAborted();
      signal?.addEventListener("abort", give, { once: true });
      try {
        return await step();
      } finally {
        signal?.removeEventListener("abort", give);
      }
    });
  }

  /** Closes the connection. Batches that were sent on it may be stored or not. */
  #drop(error: Error): void {
    const open = this.#open;
    this.#open = undefined;
    open?.socket.destroy(error);
  }

  /** The next call connects and reads the fence again. */
  #forget(): void {
    this.#drop(new Error("the connection is replaced"));
    this.#fence = undefined;
    this.#known.clear();
  }

  #key(queue?: string): string {
    return `chouette:client:${this.#sender}${queue === undefined ? "" : `:${queue}`}`;
  }
}
