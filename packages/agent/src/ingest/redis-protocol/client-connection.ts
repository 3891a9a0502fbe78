/**
 * One client's connection: bytes in, answers out.
 *
 * Promises: answers come in the order of the requests. Requests overlap while they are being stored, so that
 * those of one commit reach the disk together. Reading stops while too much is unanswered, or the client
 * doesn't read its answers. After a fault of protocol the error is sent and the connection closed. What was
 * under way when the client went away is still stored. All that it holds is reported to the memory budget, which may
 * close it.
 */

import type { Socket } from "node:net";
import type { Milliseconds } from "@chouette-iot/record";
import { type BrokerContext, bytesOf, newSession, type Session } from "./command.js";
import { execute } from "./execute.js";
import type { MemoryBudget, MemoryHolder } from "./memory-budget.js";
import { encodeReply, failure, type Protocol, type Reply } from "./reply.js";
import { ReplyQueue } from "./reply-queue.js";
import { type RequestLimits, RequestParser } from "./request-parser.js";

const MEBIBYTE = 1024 * 1024;

interface ConnectionLimits extends RequestLimits {
  /** While more than this isn't sent, nothing is read. */
  readonly unsentBytes: number;
}

const LIMITS: ConnectionLimits = {
  requestBytes: 8 * MEBIBYTE,
  arguments: 100_000,
  // A log record may be 1 MB.
  argumentBytes: 2 * MEBIBYTE,
  unsentBytes: MEBIBYTE,
};
/** As in Redis: a client that hasn't given the password has nothing long to say, nor to hear. */
const LIMITS_BEFORE_LOGIN: ConnectionLimits = {
  requestBytes: 65_536,
  arguments: 10,
  argumentBytes: 16_384,
  unsentBytes: 4_096,
};

/** While more than this is unanswered, nothing is read. */
const MAX_HELD_BYTES = 4 * MEBIBYTE;
/** How long answers wait for one that is being stored, in milliseconds, to be sent with it. */
const HOLD_MS = 2;
/** How long a client may take to close its side, in milliseconds, so that it can read the last answer first. */
const LINGER_MS = 1_000;
const OUT_OF_MEMORY = failure(
  "ERR closed: the broker's connections hold too much memory together, and this one holds the most",
);
const LOGIN_TIMEOUT = failure("NOAUTH closed: the password did not come in time");

export class Connection implements MemoryHolder {
  readonly session: Session;
  readonly #socket: Socket;
  readonly #broker: BrokerContext;
  readonly #parser: RequestParser;
  readonly #replies: ReplyQueue;
  #limits = LIMITS;
  #unsent = "";
  /** Whether it has the answer to something that was stored: the client waits for that one. */
  #isAwaited = false;
  /** Whether it is looked at again in this turn of the event loop. */
  #isSending = false;
  /** Whether it is sent within {@link HOLD_MS}, whatever is still being stored. */
  #isHolding = false;
  /** Settles when all that this connection stored so far is durable or refused. */
  #lastStored: Promise<unknown> = Promise.resolve();
  #storingBytes = 0;
  #lookingUp = false;
  /** Whether the client has closed its side. */
  #inputEnded = false;
  /** Whether no further request is carried out; what is under way is answered. */
  #ending = false;
  #isClosed = false;
  #lastProgress: Milliseconds;
  /** Whose budget it counts in. */
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
    this.#replies = new ReplyQueue((text) => this.#send(text));
    this.#followLogin(true);
    socket.on("data", (bytes) => {
      this.#lastProgress = broker.clock.monotonic();
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
    socket.on("close", () => this.#closed());
  }

  get lastProgress(): Milliseconds {
    return this.#lastProgress;
  }

  /** Whether nothing is under way: no part of a request, no transaction, no answer. */
  get isIdle(): boolean {
    return this.session.transaction === undefined && this.#heldBytes() === 0 && this.#replies.empty;
  }

  /** Closes it with nothing more said. */
  destroy(): void {
    this.#socket.destroy();
    this.#closed();
  }

  closeForMemory(): void {
    this.#broker.counters.closedForMemory++;
    this.#closeWith(OUT_OF_MEMORY);
  }

  /** Immediately for requests, a little later for the connection: it may be a request that asks for it. */
  #end(): void {
    this.#ending = true;
    process.nextTick(() => this.#goOn());
  }

  #goOn(): void {
    if (this.#isClosed) return;
    while (!this.#ending && !this.#mustWait()) {
      const parsed = this.#parser.next();
      if (parsed.kind === "request") this.#carryOut(parsed.args, parsed.bytes);
      else if (parsed.kind === "fault") this.#stop(parsed.reason);
      else if (this.#inputEnded) this.#ending = true;
      else break;
    }
    this.#memory.report(this, this.#heldBytes());
    if (this.#ending || !this.#mustWait()) this.#socket.resume();
    else this.#socket.pause();
    if (this.#ending && this.#replies.empty) this.#close();
  }

  #mustWait(): boolean {
    if (this.#broker.memory.clients.isCongested) {
      this.#broker.memory.clients.whenRelieved(this.#wake);
      return true;
    }
    return (
      this.#lookingUp ||
      this.#replies.heldBytes > MAX_HELD_BYTES ||
      this.#unsent.length + this.#socket.writableLength > this.#limits.unsentBytes
    );
  }

  readonly #wake = (): void => {
    this.#lastProgress = this.#broker.clock.monotonic();
    this.#goOn();
  };

  /** What it holds in memory, in bytes, beside what is on its way to the disk. */
  #heldBytes(): number {
    const { transaction } = this.session;
    return (
      this.#parser.heldBytes +
      (transaction === undefined ? 0 : bytesOf(transaction)) +
      Math.max(0, this.#replies.heldBytes - this.#storingBytes) +
      this.#unsent.length +
      this.#socket.writableLength
    );
  }

  #carryOut(args: readonly string[], bytes: number): void {
    const outcome = execute(args, bytes, this.session, this.#broker);
    // The protocol may be another one by the time that the answer is known.
    const { protocol } = this.session;
    this.#followLogin();
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
    this.#storingBytes += bytes;
    const text = encodeReply(await reply, protocol);
    this.#storingBytes -= bytes;
    this.#lastProgress = this.#broker.clock.monotonic();
    this.#isAwaited = true;
    answer(text);
    this.#goOn();
  }

  /** Limits and budget are those of a client that has given the password, or not. */
  #followLogin(isNew = false): void {
    const { authenticated } = this.session;
    const limits = authenticated ? LIMITS : LIMITS_BEFORE_LOGIN;
    if (limits === this.#limits && !isNew) return;
    const { memory, loginTimeout } = this.#broker;
    this.#limits = limits;
    this.#parser.limits = limits;
    this.#memory.report(this, 0);
    this.#memory = authenticated ? memory.clients : memory.strangers;
    clearTimeout(this.#loginTimer);
    if (!authenticated) this.#loginTimer = setTimeout(() => this.#loginTimedOut(), loginTimeout).unref();
  }

  #loginTimedOut(): void {
    this.#broker.counters.loginTimeouts++;
    this.#closeWith(LOGIN_TIMEOUT);
  }

  /** Closes with an error in place of whatever is still to come, at once if the client doesn't read. */
  #closeWith(error: Reply): void {
    this.#ending = true;
    this.session.transaction = undefined;
    this.#parser.clear();
    this.#unsent = "";
    if (this.#socket.writableLength > 0 || this.#linger !== undefined) {
      this.destroy();
      return;
    }
    this.#replies.abandon();
    this.#memory.report(this, 0);
    this.#unsent = encodeReply(error, this.session.protocol);
    this.#socket.resume();
    this.#close();
  }

  #stop(reason: string): void {
    this.#broker.counters.protocolErrors++;
    this.#replies.add(encodeReply(failure(`ERR Protocol error: ${reason}`), this.session.protocol));
    this.#ending = true;
  }

  /**
   * Gathers what becomes known in one turn of the event loop into one write. Answers before one that is being stored, as
   * those of a MULTI are, wait a moment for it: to write is most of what a small request costs.
   */
  #send(text: string): void {
    this.#unsent += text;
    if (this.#isSending) return;
    this.#isSending = true;
    process.nextTick(this.#flushUnlessStoring);
  }

  readonly #flushUnlessStoring = (): void => {
    this.#isSending = false;
    if (this.#isAwaited || this.#replies.empty) {
      this.#flush();
    } else if (!this.#isHolding) {
      this.#isHolding = true;
      setTimeout(this.#release, HOLD_MS);
    }
  };

  readonly #release = (): void => {
    this.#isHolding = false;
    this.#flush();
  };

  #flush(): void {
    const text = this.#unsent;
    this.#unsent = "";
    this.#isAwaited = false;
    if (text === "" || !this.#socket.writable) return;
    // What the system takes at once is followed by no `drain`.
    if (this.#socket.write(text, "latin1")) this.#goOn();
    else this.#memory.report(this, this.#heldBytes());
  }

  #close(): void {
    if (this.#linger !== undefined) return;
    // To close while the client still sends would reset the connection, and it would miss the last answer.
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#flush();
    this.#socket.end();
  }

  #closed(): void {
    this.#isClosed = true;
    this.#ending = true;
    this.session.transaction = undefined;
    this.#parser.clear();
    this.#unsent = "";
    clearTimeout(this.#linger);
    clearTimeout(this.#loginTimer);
    this.#memory.report(this, 0);
  }
}
