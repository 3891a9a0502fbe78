/**
 * Connections to the intake: direct or through a proxy, and whose word is taken for the intake's identity. They
 * are kept alive between requests.
 */
import { readFile } from "node:fs/promises";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { Socket } from "node:net";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import type { Milliseconds } from "@chouette-iot/record";
import { type Proxies, proxyFor } from "./proxies.js";
import { openTunnel } from "./tunnel.js";

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

/** The options, where a setting names a file for the authority. Rejects where that is of no use. */
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
  readonly #secureContext: SecureContext | undefined;
  readonly #timeouts: ConnectionTimeouts;
  /** By scheme and proxy. */
  readonly #agents = new Map<string, HttpAgent>();

  constructor(
    { proxies = NO_PROXIES, certificateAuthority }: ConnectionOptions,
    timeouts: ConnectionTimeouts,
  ) {
    this.#proxies = proxies;
    this.#timeouts = timeouts;
    if (certificateAuthority !== undefined)
      this.#secureContext = createSecureContext({ ca: [...rootCertificates, certificateAuthority] });
  }

  /** Those that lead to this address. */
  to(url: URL): HttpAgent {
    const proxy = proxyFor(url, this.#proxies);
    const key = `${url.protocol} ${proxy?.href}`;
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      agent = url.protocol === "https:" ? this.#httpsAgent() : this.#httpAgent();
      if (proxy !== undefined) this.#leadThrough(agent, proxy, url.protocol === "https:");
      this.#agents.set(key, agent);
    }
    return agent;
  }

  /** Ends all of them: those that are asked for afterwards are new. */
  end(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #httpAgent(): HttpAgent {
    return new HttpAgent({
      keepAlive: true,
      maxSockets: MAX_CONNECTIONS,
      timeout: this.#timeouts.keepAlive,
    });
  }

  #httpsAgent(): HttpsAgent {
    const secureContext = this.#secureContext;
    const trust = secureContext === undefined ? {} : { secureContext };
    const timeout = this.#timeouts.keepAlive;
    // Said explicitly: NODE_TLS_REJECT_UNAUTHORIZED=0, set for another program, must not give the key away.
    const options = { keepAlive: true, maxSockets: MAX_CONNECTIONS, timeout, rejectUnauthorized: true };
    return new HttpsAgent({ ...options, ...trust });
  }

  #leadThrough(agent: HttpAgent, proxy: URL, isSecure: boolean): void {
    const tls = isSecure ? { secureContext: this.#secureContext } : undefined;
    agent.createConnection = ({ host, port }, done) => {
      const target = { host: host ?? "", port: Number(port), tls };
      openTunnel(proxy, target, this.#timeouts.connect).then(
        (socket) => done?.(null, socket),
        // The type wants a socket beside the error; nobody looks at it.
        (error) => done?.(error, new Socket()),
      );
      return undefined;
    };
  }
}
