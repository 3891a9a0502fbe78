/**
 * An HTTP/2 connection. Headers are compressed against those of earlier requests, so a request costs a few bytes besides its
 * body.
 *
 * Promises: it is closed when it is retired and no request is running, and after a time without requests. It neither keeps the
 * process alive nor lingers on a dead link. There are no pings: an idle connection costs no bytes.
 */
import type { ClientHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Milliseconds } from "@chouette-iot/record";

export interface Http2Sockets {
  /** The TLS socket, on which HTTP/2 runs. */
  readonly secured: TLSSocket;
  /** The TCP socket below it. */
  readonly socket: Socket;
}

export class Http2Connection {
  readonly protocol = "h2";
  readonly session: ClientHttp2Session;
  readonly socket: Socket;
  readonly #secured: TLSSocket;
  readonly #keepAlive: Milliseconds;
  /** Number of running requests. */
  #requests = 0;
  #isRetired = false;
  #idle: NodeJS.Timeout | undefined;
  /** The error that ended it. */
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
    session.on("close", () => clearTimeout(this.#idle));
  }

  /** Whether a request may be made on it. */
  get isOpen(): boolean {
    return !this.#isRetired && !this.session.closed && !this.session.destroyed;
  }

  async use<T>(step: () => Promise<T>): Promise<T> {
    this.#requests += 1;
    clearTimeout(this.#idle);
    if (!this.session.destroyed) this.session.ref();
    try {
      return await step();
    } finally {
      this.#requests -= 1;
      if (this.#requests === 0) this.#rest();
    }
  }

  /** Takes no further requests, and is closed after the running ones. */
  retire(): void {
    this.#isRetired = true;
    if (this.#requests === 0) this.destroy();
  }

  /**
   * Closes it, running requests included.
   *
   * Asynchronously: the caller may run while Node reads from the connection. Node would then continue with freed memory, and
   * crash.
   */
  destroy(): void {
    this.#isRetired = true;
    clearTimeout(this.#idle);
    setImmediate(() => {
      // With a reset: neither unsent data in the kernel nor further data of the server is needed.
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
 * @param keepAlive for which it is kept without a request
 */
export async function startHttp2(
  origin: string,
  sockets: Http2Sockets,
  keepAlive: Milliseconds,
): Promise<Http2Connection> {
  // Loaded when it is first needed: it takes 1.1 MB.
  const { connect } = await import("node:http2");
  const session = connect(origin, {
    createConnection: () => sockets.secured,
    settings: { enablePush: false },
  });
  return new Http2Connection(session, sockets, keepAlive);
}
