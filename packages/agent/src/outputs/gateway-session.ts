/**
 * The connection to another agent's broker, a gateway, and the proof of what it has taken.
 *
 * Each batch is one MULTI: its records, a receipt that lists them, and a fence. The receipt is the gateway's own memory of the
 * last batch of a queue. A device that does not know whether a batch was stored (the answer was lost, or it was killed before it
 * settled the batch) reads the receipt, settles what it lists, and goes on: every record is accepted once.
 *
 * The fence is WATCHed from the moment on at which receipts are read. Each batch changes it. So a batch that an earlier
 * connection left on its way, or another agent of the same store sent, isn't stored any more once this connection has stored
 * one; and if it is stored before, this connection's next batch isn't, and the receipts are read again.
 *
 * Promises: a batch is `stored` only if the gateway said so. A record can count twice only if the gateway lost its latest
 * writes, or the receipt: 31 days after it was written, or with over 10,000 markers in an embedded broker.
 */
import { randomBytes } from "node:crypto";
import { ErrorReply, encodeCommands, type Reply } from "@chouette-iot/queue/resp";
import { addressText, type BrokerAddress } from "@chouette-iot/queue/resp/address";
import { RedisSocket } from "@chouette-iot/queue/resp/socket";
import { messageOf, milliseconds } from "@chouette-iot/record";

/** What stores a batch: the commands between MULTI and EXEC, without the receipt. */
export interface GatewayBatch {
  readonly queue: string;
  readonly commands: readonly (readonly string[])[];
  readonly receipt: string;
}

export type StoreOutcome =
  | { readonly kind: "stored" }
  /** The gateway's answer: nothing was stored. */
  | { readonly kind: "refused"; readonly reason: string }
  /** It may be stored or not: the receipt says which. */
  | { readonly kind: "doubt"; readonly reason: string };

/** A receipt need not outlive the records that it lists: none is sent that is older. */
const RECEIPT_SECONDS = "2678400";
const KEEP_ALIVE = milliseconds(60_000);
const CONNECT_TIMEOUT = milliseconds(10_000);
/** Without any answer, and for each kilobyte that is sent: 16 kbit/s. */
const ANSWER_TIMEOUT = milliseconds(30_000);
const MS_PER_KILOBYTE = 500;
const LOOK_UP_FIRST = "what it has taken must be looked up first";

interface Open {
  readonly socket: RedisSocket;
  /** Rejects everything that is awaited on it. */
  lost: Error | undefined;
}

export class GatewaySession {
  readonly #address: BrokerAddress;
  #sender = "";
  #open: Open | undefined;
  /** What the fence was when it was last read or written; undefined before. */
  #fence: string | null | undefined;
  /** Queues whose receipts are known to be settled, or were handed out to be, since the fence was last changed by others. */
  readonly #known = new Set<string>();
  /** One exchange at a time: a transaction belongs to the connection. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(address: BrokerAddress) {
    this.#address = address;
  }

  /**
   * The receipt of the batch of this queue that the gateway took last; null without one. Until this is called on a new
   * connection, or after somebody else changed the fence, batches of the queue are in doubt.
   * Rejects if the gateway can't be asked.
   *
   * @param sender what identifies the store that the records come from
   */
  resume(sender: string, queue: string, signal?: AbortSignal): Promise<string | null> {
    return this.#inTurn(signal, async () => {
      if (sender !== this.#sender) this.#forget();
      this.#sender = sender;
      const { socket } = await this.#connected();
      // In a queue of the wrong type a transaction would store its receipt alone.
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
        if (!isKnown()) return { kind: "doubt", reason: LOOK_UP_FIRST, bytes } as const;
        const { socket } = await this.#connected();
        if (!isKnown()) return { kind: "doubt", reason: LOOK_UP_FIRST, bytes } as const;
        // Until the answer is here, it isn't known any more.
        this.#known.delete(batch.queue);
        const fence = randomBytes(6).toString("base64url");
        const { text, ...encoded } = encodeCommands([
          ["MULTI"],
          ...batch.commands,
          ["SET", this.#key(batch.queue), batch.receipt, "EX", RECEIPT_SECONDS],
          ["SET", this.#key(), fence, "EX", RECEIPT_SECONDS],
          ["EXEC"],
          ["WATCH", this.#key()],
          ["GET", this.#key()],
        ]);
        bytes = encoded.encoding === "latin1" ? text.length : Buffer.byteLength(text);
        const replies = await this.#send(socket, { text, ...encoded }, bytes);
        const outcome = this.#judge(replies, fence);
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

  #judge(replies: readonly Reply[], fence: string): StoreOutcome {
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
      // The first error says why; EXEC's own only that there was one. It may be a server that was demoted.
      const [error = inside] = errors;
      const reason = error instanceof ErrorReply ? error.message : "its answer makes no sense";
      this.#drop(new Error(reason));
      return { kind: "refused", reason };
    }
    this.#fence = fence;
    // The batch is stored in any case; if the fence isn't ours any more, everything is asked for again.
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
        new Error(`${addressText(this.#address)} gave no answer for ${Math.round(patience / 1_000)} s`),
      );
    const timer = setTimeout(silence, patience).unref();
    try {
      return await socket.send(commands);
    } finally {
      clearTimeout(timer);
    }
  }

  #inTurn<T>(signal: AbortSignal | undefined, step: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      const give = () => this.#drop(new Error("given up"));
      signal?.throwIfAborted();
      signal?.addEventListener("abort", give, { once: true });
      try {
        return await step();
      } finally {
        signal?.removeEventListener("abort", give);
      }
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Ends the connection. What was sent on it may be stored, or may not. */
  #drop(error: Error): void {
    const open = this.#open;
    this.#open = undefined;
    open?.socket.destroy(error);
  }

  /** Reads everything again. */
  #forget(): void {
    this.#drop(new Error("the connection is replaced"));
    this.#fence = undefined;
    this.#known.clear();
  }

  #key(queue?: string): string {
    return `chouette:client:${this.#sender}${queue === undefined ? "" : `:${queue}`}`;
  }
}
