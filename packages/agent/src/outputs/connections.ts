/**
 * Connections to the intake: direct or through a proxy, and whose word is taken for the intake's identity. They
 * are kept alive between requests.
 *
 * Promises: a TLS session outlasts its connection, whatever ended that: the next handshake takes a third of the bytes. Every byte
 * of every connection is counted.
 */
import { readFile } from "node:fs/promises";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { connect, Socket } from "node:net";
import { createSecureContext, rootCertificates } from "node:tls";
import type { Milliseconds } from "@chouette-iot/record";
import { type Proxies, proxyFor } from "./proxies.js";
import { type Security, secure } from "./secure-socket.js";
import { openTunnel } from "./tunnel.js";
import { WireMeter } from "./wire-meter.js";

export interface ConnectionOptions {
  readonly proxies?: Proxies;
  /** A certificate authority in PEM, trusted beside those that Node comes with. */
  readonly certificateAuthority?: string;
}

export interface ConnectionTimeouts {
  readonly connect: Milliseconds;
  /** How long a connection without a request is kept. */
  readonly keepAlive: Milliseconds;
}

const MAX_CONNECTIONS = 2;
const NO_PROXIES: Proxies = { http: undefined, https: undefined, except: undefined };

/** The options, where a setting names a file for the authority. Rejects if that is of no use. */
export async function connectionOptions({
  proxies,
  caFile,
}: {
  readonly proxies: Proxies;
  readonly caFile: string | undefined;
}): Promise<ConnectionOptions> {
  return caFile === undefined ? { proxies } : { proxies, certificateAuthority: await readAuthority(caFile) };
}

async function readAuthority(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((cause) => {
    throw new Error(`DATADOG_CA_FILE can't be read: ${cause.message}`, { cause });
  });
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new Error(`DATADOG_CA_FILE holds no certificate in PEM: ${path}`);
  }
  return text;
}

export class Connections {
  readonly #proxies: Proxies;
  readonly #secureContext: Security["secureContext"];
  readonly #timeouts: ConnectionTimeouts;
  readonly #meter: WireMeter;
  /** By origin and proxy. */
  readonly #agents = new Map<string, HttpAgent>();
  /** By origin and proxy: the last TLS session. */
  readonly #sessions = new Map<string, Buffer>();

  constructor(
    { proxies = NO_PROXIES, certificateAuthority }: ConnectionOptions,
    timeouts: ConnectionTimeouts,
    meter = new WireMeter(),
  ) {
    this.#proxies = proxies;
    this.#timeouts = timeouts;
    this.#meter = meter;
    if (certificateAuthority !== undefined)
      this.#secureContext = createSecureContext({ ca: [...rootCertificates, certificateAuthority] });
  }

  /** Those that lead to this address. */
  to(url: URL): HttpAgent {
    const key = this.#keyOf(url);
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      const options = { keepAlive: true, maxSockets: MAX_CONNECTIONS, timeout: this.#timeouts.keepAlive };
      agent = url.protocol === "https:" ? new HttpsAgent(options) : new HttpAgent(options);
      this.#open(agent, url, key);
      this.#agents.set(key, agent);
    }
    return agent;
  }

  /** Ends those to this address: those that are asked for afterwards are new. One that is in use ends with its request. */
  end(url: URL): void {
    const key = this.#keyOf(url);
    const agent = this.#agents.get(key);
    this.#agents.delete(key);
    if (agent === undefined) return;
    agent.maxFreeSockets = 0;
    for (const sockets of Object.values(agent.freeSockets))
      for (const socket of sockets ?? []) socket.destroy();
  }

  /** Ends all of them, requests included. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #keyOf(url: URL): string {
    return `${url.origin} ${proxyFor(url, this.#proxies)?.href}`;
  }

  #open(agent: HttpAgent, url: URL, key: string): void {
    const proxy = proxyFor(url, this.#proxies);
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
    const security = url.protocol === "https:" ? this.#securityOf(host, key) : undefined;
    const onSocket = (socket: Socket) => this.#meter.track(socket, url.hostname);
    agent.createConnection = (_, done) => {
      if (proxy === undefined) {
        const socket = connect({ host, port, noDelay: true });
        onSocket(socket);
        return security === undefined ? socket : secure(socket, security());
      }
      openTunnel(proxy, { host, port, security: security?.(), onSocket }, this.#timeouts.connect).then(
        (socket) => done?.(null, socket),
        // The type wants a socket beside the error; nobody looks at it.
        (error) => done?.(error, new Socket()),
      );
      return undefined;
    };
  }

  /** With the session of the connection before. */
  #securityOf(host: string, key: string): () => Security {
    return () => ({
      host,
      secureContext: this.#secureContext,
      session: this.#sessions.get(key),
      onSession: (session) => {
        if (session === undefined) this.#sessions.delete(key);
        else this.#sessions.set(key, session);
      },
    });
  }
}
