/**
 * One client's connection: bytes in, answers out.
 *
 * Promises: answers come in the order of the requests. Requests overlap while they are being stored, so that
 * those of one commit reach the disk together. Reading stops while too much is unanswered, or the client
 * doesn't read its answers. After a fault of protocol the error is sent and the connection closed. What was
 * under way when the client went away is still stored.
 */
import type { Socket } from "node:net";
import type { BrokerContext } from "./context.js";
import { execute } from "./execute.js";
import { encodeReply, failure, type Protocol, type Reply } from "./reply.js";
import { ReplyQueue } from "./reply-queue.js";
import { type RequestLimits, RequestParser } from "./request-parser.js";
import { newSession, type Session } from "./session.js";

const MEBIBYTE = 1024 * 1024;
const LIMITS: RequestLimits = {
  requestBytes: 8 * MEBIBYTE,
  arguments: 100_000,
  // A log record may be 1 MB.
  argumentBytes: 2 * MEBIBYTE,
};
/** As in Redis: whoever hasn't given the password has nothing long to say. */
const LIMITS_BEFORE_LOGIN: RequestLimits = { requestBytes: 65_536, arguments: 10, argumentBytes: 16_384 };

/** While more than this is unanswered, nothing is read. */
const MOST_HELD_BYTES = 4 * MEBIBYTE;
/** While more than this isn't sent, nothing is read. */
const MOST_UNSENT_BYTES = MEBIBYTE;
/** How long a client may take to close its side, in milliseconds, so that it can read the last answer first. */
const LINGER_MS = 1_000;

export class Connection {
  readonly session: Session;
  readonly #socket: Socket;
  readonly #broker: BrokerContext;
  readonly #parser: RequestParser;
  readonly #replies: ReplyQueue;
  #unsent = "";
  /** Settles when all that this connection stored so far is durable or refused. */
  #lastStored: Promise<unknown> = Promise.resolve();
  #lookingUp = false;
  /** Whether the client has closed its side. */
  #inputEnded = false;
  /** Whether no further request is carried out; what is under way is answered. */
  #ending = false;
  #linger: NodeJS.Timeout | undefined;

  /** @param id rises with every connection */
  constructor(socket: Socket, id: number, broker: BrokerContext) {
    const address = `${socket.remoteAddress}:${socket.remotePort}`;
    this.session = newSession({ id, address, end: () => this.#end() }, broker.isPassword === undefined);
    this.#socket = socket;
    this.#broker = broker;
    this.#parser = new RequestParser(this.session.authenticated ? LIMITS : LIMITS_BEFORE_LOGIN);
    this.#replies = new ReplyQueue((text) => this.#send(text));
    socket.on("data", (bytes) => {
      if (!this.#ending) this.#parser.push(bytes);
      this.#goOn();
    });
    socket.on("drain", () => this.#goOn());
    socket.on("end", () => {
      this.#inputEnded = true;
      this.#goOn();
    });
    // A broken connection is the client's to repair; `close` follows.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#ending = true;
      clearTimeout(this.#linger);
    });
  }

  /** At once for requests, a little later for the connection: it may be a request that asks for it. */
  #end(): void {
    this.#ending = true;
    process.nextTick(() => this.#goOn());
  }

  #goOn(): void {
    while (!this.#ending && !this.#mustWait()) {
      const parsed = this.#parser.next();
      if (parsed.kind === "request") this.#carryOut(parsed.args, parsed.bytes);
      else if (parsed.kind === "fault") this.#stop(parsed.reason);
      else if (this.#inputEnded) this.#ending = true;
      else break;
    }
    if (this.#ending || !this.#mustWait()) this.#socket.resume();
    else this.#socket.pause();
    if (this.#ending && this.#replies.empty) this.#close();
  }

  #mustWait(): boolean {
    return (
      this.#lookingUp ||
      this.#replies.heldBytes > MOST_HELD_BYTES ||
      this.#unsent.length + this.#socket.writableLength > MOST_UNSENT_BYTES
    );
  }

  #carryOut(args: readonly string[], bytes: number): void {
    const outcome = execute(args, bytes, this.session, this.#broker);
    // The protocol may be another one by the time that the answer is known.
    const { protocol, authenticated } = this.session;
    this.#parser.limits = authenticated ? LIMITS : LIMITS_BEFORE_LOGIN;
    switch (outcome.kind) {
      case "now":
        this.#replies.add(encodeReply(outcome.reply, protocol));
        break;
      case "stored":
        this.#lastStored = this.#answerLater(outcome.reply, outcome.bytes, protocol);
        break;
      case "lookup":
        this.#lookingUp = true;
        this.#answerLater(this.#lookUp(outcome.run), 0, protocol);
        break;
    }
  }

  async #lookUp(run: () => Promise<Reply>): Promise<Reply> {
    await this.#lastStored;
    const reply = await run();
    this.#lookingUp = false;
    return reply;
  }

  async #answerLater(reply: Promise<Reply>, bytes: number, protocol: Protocol): Promise<void> {
    const answer = this.#replies.reserve(bytes);
    answer(encodeReply(await reply, protocol));
    this.#goOn();
  }

  #stop(reason: string): void {
    this.#broker.counters.protocolErrors++;
    this.#replies.add(encodeReply(failure(`ERR Protocol error: ${reason}`), this.session.protocol));
    this.#ending = true;
  }

  /** Gathers what becomes known in one turn of the event loop into one write. */
  #send(text: string): void {
    if (this.#unsent === "") process.nextTick(() => this.#flush());
    this.#unsent += text;
  }

  #flush(): void {
    const text = this.#unsent;
    this.#unsent = "";
    if (text === "" || !this.#socket.writable) return;
    // What the system takes at once is followed by no `drain`.
    if (this.#socket.write(text)) this.#goOn();
  }

  #close(): void {
    if (this.#linger !== undefined) return;
    // To close while the client still sends would reset the connection, and it would miss the last answer.
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#flush();
    this.#socket.end();
  }
}
