/**
 * The connections to one server. They are kept alive between requests.
 *
 * With TLS, the server chooses the protocol: HTTP/2, with one connection for everything, or HTTP/1.1, with up to two.
 *
 * Promises: a TLS session outlasts its connection, however that ended: the next handshake takes a third of the bytes. An idle
 * connection costs no bytes: there are neither pings nor TCP keep-alive probes.
 */
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Milliseconds } from "@chouette-iot/record";
import { bareHost } from "../runtime/address.js";
import { type Http2Connection, startHttp2 } from "./http2-connection.js";
import { Http2Use } from "./http2-use.js";
import { openSocket } from "./open-socket.js";
import type { Answer } from "./request-answer.js";
import type { Security } from "./secure-socket.js";
import type { Target } from "./tunnel.js";

/** The agent has a kept connection. If all are in use, a request waits for the next free one. */
export interface Http1Connection {
  readonly protocol: "http/1.1";
  readonly agent: HttpAgent;
}

export type Connection = Http1Connection | Http2Connection;

export interface ConnectionTimeouts {
  readonly connect: Milliseconds;
  /** For which an idle connection is kept. */
  readonly keepAlive: Milliseconds;
}

export interface ServerOptions {
  readonly proxy: URL | undefined;
  /** Has the trusted certificate authorities; undefined for Node's. */
  readonly secureContext: Security["secureContext"];
  onSocket(socket: Socket): void;
}

const MAX_CONNECTIONS = 2;

export class ServerConnections {
  readonly #url: URL;
  readonly #options: ServerOptions;
  readonly #timeouts: ConnectionTimeouts;
  readonly #http2Use = new Http2Use();
  #agent: HttpAgent;
  /** Sockets for the HTTP agent's next requests. */
  #opened: Socket[] = [];
  #http2: Http2Connection | undefined;
  /** The last TLS session. */
  #session: Buffer | undefined;
  /** TCP sockets that are connecting. */
  readonly #opening = new Set<Socket>();

  constructor(url: URL, options: ServerOptions, timeouts: ConnectionTimeouts) {
    this.#url = url;
    this.#options = options;
    this.#timeouts = timeouts;
    this.#agent = this.#newAgent();
  }

  /** A kept connection, or a new one. Rejects if none can be opened, or the signal is aborted. */
  async open(signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    if (this.#http2?.isOpen) return this.#http2;
    const agent = this.#agent;
    const http1 = { protocol: "http/1.1", agent } as const;
    const free = [...this.#opened, ...all(agent.freeSockets)];
    if (free.some(({ destroyed }) => !destroyed) || all(agent.sockets).length >= MAX_CONNECTIONS)
      return http1;
    const { socket, tcp } = await this.#openSocket(this.#http2Use.isOffered, signal).catch((error) => {
      this.#http2Use.unopened();
      throw error;
    });
    if (socket instanceof TLSSocket && socket.alpnProtocol === "h2") return this.#startHttp2(socket, tcp);
    // The next request reports its failure.
    socket.on("error", () => {});
    this.#opened.push(socket);
    return { protocol: "http/1.1", agent: this.#agent };
  }

  answered({ protocol }: Connection, { status }: Answer): void {
    this.#http2Use.answered(protocol, status >= 200 && status < 300);
  }

  /** A request failed: the next one gets a new connection. */
  failed(connection: Connection, error: unknown): void {
    if (connection.protocol === "http/1.1") this.#http2Use.failed();
    else if (!connection.hasAnswered) this.#http2Use.silent(isProtocolError(error));
    this.end();
  }

  /** Closes the kept connections: the next request gets a new one. A connection in use is closed after its request. */
  end(): void {
    const agent = this.#agent;
    this.#agent = this.#newAgent();
    agent.maxFreeSockets = 0;
    for (const socket of [...this.#opened, ...all(agent.freeSockets)]) socket.destroy();
    this.#opened = [];
    this.#http2?.retire();
    this.#http2 = undefined;
  }

  /** Closes all connections, those with requests included. */
  close(): void {
    for (const socket of this.#opening) socket.destroy();
    for (const socket of this.#opened) socket.destroy();
    this.#agent.destroy();
    this.#http2?.destroy();
  }

  async #startHttp2(secured: TLSSocket, socket: Socket): Promise<Http2Connection> {
    const { keepAlive } = this.#timeouts;
    const http2 = await startHttp2(this.#url.origin, { secured, socket }, keepAlive);
    this.#http2?.retire();
    this.#http2 = http2;
    return http2;
  }

  #newAgent(): HttpAgent {
    const { protocol } = this.#url;
    const options = { keepAlive: true, maxSockets: MAX_CONNECTIONS, timeout: this.#timeouts.keepAlive };
    const agent = protocol === "https:" ? new HttpsAgent(options) : new HttpAgent(options);
    // Node lets TCP probe each kept connection once a second: 6 kB a minute on the link.
    const { keepSocketAlive } = agent;
    agent.keepSocketAlive = (socket) => {
      const isKept = keepSocketAlive.call(agent, socket);
      if (socket instanceof Socket) socket.setKeepAlive(false);
      return isKept;
    };
    agent.createConnection = (_, done) => {
      const opened = this.#opened.pop();
      if (opened !== undefined) return opened;
      // The kept connection has ended meanwhile.
      this.#openSocket(false).then(
        ({ socket }) => done?.(null, socket),
        // The type requires a socket with the error; it isn't used.
        (error) => done?.(error, new Socket()),
      );
      return undefined;
    };
    return agent;
  }

  async #openSocket(
    offersHttp2: boolean,
    signal?: AbortSignal,
  ): Promise<{ readonly socket: Socket; readonly tcp: Socket }> {
    const { port, protocol } = this.#url;
    const isSecure = protocol === "https:";
    const host = bareHost(this.#url);
    let tcp = new Socket();
    const target: Target = {
      ...{ host, port: Number(port) || (isSecure ? 443 : 80) },
      security: isSecure ? this.#security(host, offersHttp2) : undefined,
      onSocket: (socket) => {
        tcp = socket;
        this.#opening.add(socket);
        this.#options.onSocket(socket);
      },
    };
    const { proxy } = this.#options;
    try {
      const socket = await openSocket(target, proxy, { timeout: this.#timeouts.connect, signal });
      return { socket, tcp };
    } finally {
      this.#opening.delete(tcp);
    }
  }

  /** With the session of the previous connection. */
  #security(host: string, offersHttp2: boolean): Security {
    return {
      host,
      secureContext: this.#options.secureContext,
      protocols: offersHttp2 ? ["h2", "http/1.1"] : ["http/1.1"],
      session: this.#session,
      onSession: (session) => {
        this.#session = session;
      },
    };
  }
}

/** Whether the received data wasn't HTTP/2. */
function isProtocolError(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_HTTP2_ERROR";
}

function all(sockets: NodeJS.ReadOnlyDict<Socket[]>): readonly Socket[] {
  return Object.values(sockets).flatMap((each) => each ?? []);
}
