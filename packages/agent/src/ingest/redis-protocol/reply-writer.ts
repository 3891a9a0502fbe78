/**
 * Writes the replies of one connection to its socket.
 *
 * A write is most of the cost of a small request. So replies of one turn of the event loop are one write, and replies before
 * one that is still being stored, such as those of a MULTI, wait a moment for it.
 */
import type { Socket } from "node:net";

/** How long replies wait for one that is being stored, in milliseconds. */
const MAX_WAIT_MS = 2;

interface ReplyWriterOptions {
  readonly socket: Socket;
  /** Whether no request waits for its reply. */
  isIdle(): boolean;
  /** Called after each write. @param isSent whether the system took everything; if not, the socket emits `drain` later */
  onWritten(isSent: boolean): void;
}

export class ReplyWriter {
  readonly #options: ReplyWriterOptions;
  #text = "";
  /** Whether the text has the reply to a stored request or a lookup: it is not delayed. */
  #isUrgent = false;
  #isScheduled = false;
  #isWaiting = false;

  constructor(options: ReplyWriterOptions) {
    this.#options = options;
  }

  /** Bytes that are in memory, here or in the socket. */
  get unsentBytes(): number {
    return this.#text.length + this.#options.socket.writableLength;
  }

  write(text: string): void {
    this.#text += text;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(this.#flushUnlessStoring);
  }

  /** The next text has a reply that its client waits for: it is not delayed. */
  expectUrgent(): void {
    this.#isUrgent = true;
  }

  flush(): void {
    const { socket, onWritten } = this.#options;
    const text = this.#text;
    this.#text = "";
    this.#isUrgent = false;
    if (text === "" || !socket.writable) return;
    onWritten(socket.write(text, "latin1"));
  }

  /** Drops text that hasn't been handed to the socket. */
  clear(): void {
    this.#text = "";
  }

  readonly #flushUnlessStoring = (): void => {
    this.#isScheduled = false;
    if (this.#isUrgent || this.#options.isIdle()) {
      this.flush();
    } else if (!this.#isWaiting) {
      this.#isWaiting = true;
      setTimeout(this.#flushLate, MAX_WAIT_MS);
    }
  };

  readonly #flushLate = (): void => {
    this.#isWaiting = false;
    this.flush();
  };
}
