/**
 * A connection that speaks HTTP/2. Its headers are compressed against those of the requests before, so that a request costs
 * a few bytes besides its body.
 *
 * Promises: it ends when it isn't wanted any more and nothing is under way on it, and after a time without a request. Nothing of
 * it keeps the process alive or lingers on a dead link. No pings: a link that nothing is sent on costs nothing.
 */
import type { ClientHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Milliseconds } from "@chouette-iot/record";

export interface Http2Sockets {
  /** That HTTP/2 is spoken on. */
  readonly secured: TLSSocket;
  /** The one of TCP beneath it. */
  readonly socket: Socket;
}

export class Http2Connection {
  readonly protocol = "h2";
  readonly session: ClientHttp2Session;
  readonly socket: Socket;
  readonly #secured: TLSSocket;
  readonly #keepAlive: Milliseconds;
  #under = 0;
  #isRetired = false;
  #idle: NodeJS.Timeout | undefined;
  /** What it ended with. */
  error: NodeJS.ErrnoException | undefined;
  /** The server has processed no stream above this one. */
  lastTaken = Number.POSITIVE_INFINITY;
  /** Whether a request was answered on it. */
  hasAnswered = false;

  constructor(session: ClientHttp2Session, { secured, socket }: Http2Sockets, keepAlive: Milliseconds) {
    this.session = session;
    this.socket = socket;
    this.#secured = secured;
    this.#keepAlive = keepAlive;
    session.on("error", (error: Error) => {
      this.error = error;
    });
    session.on("goaway", (_: number, lastTaken: number) => {
      this.lastTaken = lastTaken;
      this.retire();
    });
    // The server's end alone: it says no more.
    secured.on("end", () => this.retire());
    session.on("close", () => clearTimeout(this.#idle));
  }

  /** Whether a request may be made on it. */
  get isOpen(): boolean {
    return !this.#isRetired && !this.session.closed && !this.session.destroyed;
  }

  async use<T>(step: () => Promise<T>): Promise<T> {
    this.#under += 1;
    clearTimeout(this.#idle);
    if (!this.session.destroyed) this.session.ref();
    try {
      return await step();
    } finally {
      this.#under -= 1;
      if (this.#under === 0) this.#rest();
    }
  }

  /** No further request is made on it. */
  retire(): void {
    this.#isRetired = true;
    if (this.#under === 0) this.destroy();
  }

  /**
   * Ends it, requests included.
   *
   * Not right away: what asks for it may be called while Node reads from the connection, which then would go on with what is freed,
   * and end the process.
   */
  destroy(): void {
    this.#isRetired = true;
    clearTimeout(this.#idle);
    setImmediate(() => {
      // By a reset: what the system has taken and not sent is of no use, nor are the other end's last words.
      if (this.socket instanceof TLSSocket) this.socket.destroy();
      else this.socket.resetAndDestroy();
      this.#secured.destroy();
      this.session.destroy();
    });
  }

  #rest(): void {
    if (!this.isOpen) {
      this.destroy();
      return;
    }
    this.session.unref();
    this.#idle = setTimeout(() => this.destroy(), this.#keepAlive).unref();
  }
}

/**
 * @param origin of the server
 * @param keepAlive how long it is kept without a request
 */
export async function startHttp2(
  origin: string,
  sockets: Http2Sockets,
  keepAlive: Milliseconds,
): Promise<Http2Connection> {
  // Loaded when the first server wants it: 1.1 MB.
  const { connect } = await import("node:http2");
  const session = connect(origin, {
    createConnection: () => sockets.secured,
    settings: { enablePush: false },
  });
  return new Http2Connection(session, sockets, keepAlive);
}
