/**
 * Connections to intakes, direct or through a proxy, and the certificate authorities that are trusted.
 *
 * Promises: every byte on every connection is counted.
 */
import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { createSecureContext, rootCertificates } from "node:tls";
import { type Proxies, proxyFor } from "./proxies.js";
import type { Security } from "./secure-socket.js";
import { type ConnectionTimeouts, ServerConnections } from "./server-connections.js";
import { WireMeter } from "./wire-meter.js";

export interface ConnectionOptions {
  readonly proxies?: Proxies;
  /** A certificate authority in PEM, trusted in addition to Node's. */
  readonly certificateAuthority?: string;
}

const NO_PROXIES: Proxies = { http: undefined, https: undefined, except: undefined };

/** Reads the authority's file, if a setting names one. Rejects if it isn't a certificate. */
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
    throw new Error(`DATADOG_CA_FILE has no PEM certificate: ${path}`);
  }
  return text;
}

export class Connections {
  readonly #proxies: Proxies;
  readonly #secureContext: Security["secureContext"];
  readonly #timeouts: ConnectionTimeouts;
  readonly #meter: WireMeter;
  /** By origin and proxy. */
  readonly #servers = new Map<string, ServerConnections>();

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

  /** The connections to the server of a URL. */
  to(url: URL): ServerConnections {
    const proxy = proxyFor(url, this.#proxies);
    const key = `${url.origin} ${proxy?.href}`;
    let server = this.#servers.get(key);
    if (server === undefined) {
      const onSocket = (socket: Socket) => this.#meter.track(socket, url.hostname);
      const options = { proxy, secureContext: this.#secureContext, onSocket };
      server = new ServerConnections(url, options, this.#timeouts);
      this.#servers.set(key, server);
    }
    return server;
  }

  /** Closes all connections, those with requests included. */
  close(): void {
    for (const server of this.#servers.values()) server.close();
    this.#servers.clear();
  }
}
