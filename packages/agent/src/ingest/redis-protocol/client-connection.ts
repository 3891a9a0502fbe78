/**
 * A client's connection: reads requests, executes them, and sends the replies.
 *
 * Promises: replies are in the order of the requests. Requests overlap while they are being stored, so one commit writes
 * several of them to the disk. Reading pauses while too much is unanswered, or the client doesn't read its replies. After a
 * protocol error, the error is sent and the connection closed. Requests that are being stored when the client disconnects are
 * still stored. Its memory is reported to the memory budget, which may close it.
 */
import type { Socket } from "node:net";
import type { Milliseconds } from "@chouette-iot/record";
import { type BrokerContext, bytesOf, newSession, type Session } from "./command.js";
import { execute } from "./execute.js";
import type { MemoryBudget, MemoryHolder } from "./memory-budget.js";
import { encodeReply, failure, type Protocol, type Reply } from "./reply.js";
import { ReplyQueue } from "./reply-queue.js";
import { ReplyWriter } from "./reply-writer.js";
import { type RequestLimits, RequestParser } from "./request-parser.js";

const MEBIBYTE = 1024 * 1024;

interface ConnectionLimits extends RequestLimits {
  /** Reading pauses while more than this is unsent. */
  readonly unsentBytes: number;
}

const LIMITS: ConnectionLimits = {
  requestBytes: 8 * MEBIBYTE,
  arguments: 100_000,
  // A log record may be 1 MB.
  argumentBytes: 2 * MEBIBYTE,
  unsentBytes: MEBIBYTE,
};
/** As in Redis: before the login, requests and replies are short. */
const LIMITS_BEFORE_LOGIN: ConnectionLimits = {
  requestBytes: 65_536,
  arguments: 10,
  argumentBytes: 16_384,
  unsentBytes: 4_096,
};

/** Reading pauses while more than this is unanswered. */
const MAX_HELD_BYTES = 4 * MEBIBYTE;
/** How long a client may take to close its side, in milliseconds: it has to read the last reply first. */
const LINGER_MS = 1_000;
const OUT_OF_MEMORY = failure(
  "ERR closed: the broker's connections use too much memory, and this one was stalled or the largest",
);
const LOGIN_TIMEOUT = failure("NOAUTH closed: no password was sent in time");

export class Connection implements MemoryHolder {
  readonly session: Session;
  readonly #socket: Socket;
  readonly #broker: BrokerContext;
  readonly #parser: RequestParser;
  readonly #replies: ReplyQueue;
  readonly #writer: ReplyWriter;
  #limits = LIMITS;
  /** Settles when all requests so far are stored or refused. */
  #lastStored: Promise<unknown> = Promise.resolve();
  #storingBytes = 0;
  #isLookingUp = false;
  /** Whether the client has closed its side. */
  #isInputEnded = false;
  /** Whether no further request is executed; those in progress are answered. */
  #isEnding = false;
  #isClosed = false;
  #lastProgress: Milliseconds;
  /** The budget in which its memory counts. */
  #memory: MemoryBudget;
  #loginTimer: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;

  /** @param id rises with every connection */
  constructor(socket: Socket, id: number, broker: BrokerContext) {
    const address = `${socket.remoteAddress}:${socket.remotePort}`;
    this.session = newSession({ id, address, end: () => this.#end() }, broker.isPassword === undefined);
    this.#socket = socket;
    this.#broker = broker;
    this.#lastProgress = broker.clock.monotonic();
    this.#memory = broker.memory.clients;
    this.#parser = new RequestParser(LIMITS);
    this.#replies = new ReplyQueue((text) => this.#writer.write(text));
    this.#writer = new ReplyWriter({
      socket,
      isIdle: () => this.#replies.empty,
      onWritten: (isSent) => {
        if (isSent) this.#processRequests();
        else this.#memory.report(this, this.#heldBytes());
      },
    });
    this.#applyLogin(true);
    socket.on("data", (bytes) => {
      this.#lastProgress = broker.clock.monotonic();
      if (!this.#isEnding) this.#parser.push(bytes);
      this.#processRequests();
    });
    socket.on("drain", () => this.#processRequests());
    socket.on("end", () => {
      this.#isInputEnded = true;
      this.#processRequests();
    });
    // `close` follows.
    socket.on("error", () => {});
    socket.on("close", () => this.#closed());
  }

  get lastProgress(): Milliseconds {
    return this.#lastProgress;
  }

  /** Whether nothing is in progress: no part of a request, no transaction, no reply. */
  get isIdle(): boolean {
    return this.session.transaction === undefined && this.#heldBytes() === 0 && this.#replies.empty;
  }

  /** Closes it without another reply. */
  destroy(): void {
    this.#socket.destroy();
    this.#closed();
  }

  closeForMemory(): void {
    this.#broker.counters.closedForMemory++;
    this.#closeWith(OUT_OF_MEMORY);
  }

  /** Executes no further requests, and closes the connection later: a request of this connection may call it. */
  #end(): void {
    this.#isEnding = true;
    process.nextTick(() => this.#processRequests());
  }

  #processRequests(): void {
    if (this.#isClosed) return;
    while (!this.#isEnding && !this.#mustWait()) {
      const parsed = this.#parser.next();
      if (parsed.kind === "request") this.#execute(parsed.args, parsed.bytes);
      else if (parsed.kind === "fault") this.#stop(parsed.reason);
      else if (this.#isInputEnded) this.#isEnding = true;
      else break;
    }
    this.#memory.report(this, this.#heldBytes());
    if (this.#isEnding || !this.#mustWait()) this.#socket.resume();
    else this.#socket.pause();
    if (this.#isEnding && this.#replies.empty) this.#close();
  }

  #mustWait(): boolean {
    if (this.#broker.memory.clients.isCongested) {
      this.#broker.memory.clients.whenRelieved(this.#wake);
      return true;
    }
    return (
      this.#isLookingUp ||
      this.#replies.heldBytes > MAX_HELD_BYTES ||
      this.#writer.unsentBytes > this.#limits.unsentBytes
    );
  }

  readonly #wake = (): void => {
    this.#lastProgress = this.#broker.clock.monotonic();
    this.#processRequests();
  };

  /** Bytes that it holds in memory, without those that are being stored. */
  #heldBytes(): number {
    const { transaction } = this.session;
    return (
      this.#parser.heldBytes +
      (transaction === undefined ? 0 : bytesOf(transaction)) +
      Math.max(0, this.#replies.heldBytes - this.#storingBytes) +
      this.#writer.unsentBytes
    );
  }

  #execute(args: readonly string[], bytes: number): void {
    const outcome = execute(args, bytes, this.session, this.#broker);
    // The protocol may change before the reply is known.
    const { protocol } = this.session;
    this.#applyLogin();
    switch (outcome.kind) {
      case "now":
        this.#replies.add(encodeReply(outcome.reply, protocol));
        break;
      case "stored":
        this.#lastStored = this.#answerLater(outcome.reply, outcome.bytes, protocol);
        break;
      case "lookup":
        this.#isLookingUp = true;
        this.#answerLater(this.#lookUp(outcome.run), 0, protocol);
        break;
    }
  }

  async #lookUp(run: () => Promise<Reply>): Promise<Reply> {
    await this.#lastStored;
    const reply = await run();
    this.#isLookingUp = false;
    return reply;
  }

  async #answerLater(reply: Promise<Reply>, bytes: number, protocol: Protocol): Promise<void> {
    const answer = this.#replies.reserve(bytes);
    this.#storingBytes += bytes;
    const text = encodeReply(await reply, protocol);
    this.#storingBytes -= bytes;
    this.#lastProgress = this.#broker.clock.monotonic();
    this.#writer.expectUrgent();
    answer(text);
    this.#processRequests();
  }

  /** Applies the limits and the memory budget for clients before or after the login. */
  #applyLogin(isNew = false): void {
    const { authenticated } = this.session;
    const limits = authenticated ? LIMITS : LIMITS_BEFORE_LOGIN;
    if (limits === this.#limits && !isNew) return;
    const { memory, loginTimeout } = this.#broker;
    this.#limits = limits;
    this.#parser.limits = limits;
    this.#memory.report(this, 0);
    this.#memory = authenticated ? memory.clients : memory.unauthenticated;
    clearTimeout(this.#loginTimer);
    if (!authenticated) this.#loginTimer = setTimeout(() => this.#loginTimedOut(), loginTimeout).unref();
  }

  #loginTimedOut(): void {
    this.#broker.counters.loginTimeouts++;
    this.#closeWith(LOGIN_TIMEOUT);
  }

  /** Closes with an error instead of the outstanding replies; without it if the client doesn't read. */
  #closeWith(error: Reply): void {
    this.#isEnding = true;
    this.session.transaction = undefined;
    this.#parser.clear();
    this.#writer.clear();
    if (this.#socket.writableLength > 0 || this.#linger !== undefined) {
      this.destroy();
      return;
    }
    this.#replies.abandon();
    this.#memory.report(this, 0);
    this.#writer.write(encodeReply(error, this.session.protocol));
    this.#socket.resume();
    this.#close();
  }

  #stop(reason: string): void {
    this.#broker.counters.protocolErrors++;
    this.#replies.add(encodeReply(failure(`ERR Protocol error: ${reason}`), this.session.protocol));
    this.#isEnding = true;
  }

  #close(): void {
    if (this.#linger !== undefined) return;
    // If the socket were closed while the client sends, a reset would make it lose the last reply.
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#writer.flush();
    this.#socket.end();
  }

  #closed(): void {
    this.#isClosed = true;
    this.#isEnding = true;
    this.session.transaction = undefined;
    this.#parser.clear();
    this.#writer.clear();
    clearTimeout(this.#linger);
    clearTimeout(this.#loginTimer);
    this.#memory.report(this, 0);
  }
}
