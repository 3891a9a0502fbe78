/**
 * Requests to the kubelet, over HTTPS with a client certificate or a token.
 *
 * Promises: the kubelet's certificate is verified, unless K8S_INSECURE is set. Certificates and token are read again for
 * every request, since clusters renew them. The connection is closed after each round, but its TLS session is kept to make
 * the next handshake cheap.
 */
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, type RequestOptions, request } from "node:https";
import { isIP } from "node:net";
import { readBody } from "../response-body.js";

export interface KubeletOptions {
  readonly host: string;
  readonly port: number;
  readonly certPath?: string | undefined;
  readonly keyPath?: string | undefined;
  readonly caPath?: string | undefined;
  readonly tokenPath?: string | undefined;
  /** The name in the kubelet's certificate, if it isn't the host. */
  readonly serverName?: string | undefined;
  /** Folder with the token and the authority of a pod's service account. */
  readonly serviceAccount: string;
  /** Accepts any certificate. */
  readonly insecure: boolean;
}

/** Limit of a response: a summary lists every container of a node. */
const MAX_BYTES = 32 * 1_048_576;

export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #agent = new Agent({ keepAlive: false });

  constructor(options: KubeletOptions) {
    this.#options = options;
  }

  /** The response's body. Rejects if its status isn't 200. */
  async get(path: string, signal: AbortSignal): Promise<string> {
    const options = { ...(await requestOptions(this.#options)), path, agent: this.#agent, signal };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(options, resolve).on("error", reject).end();
    });
    const body = await readBody(response, MAX_BYTES);
    if (response.statusCode !== 200) throw new Error(`the kubelet answered ${response.statusCode}`);
    return body;
  }

  close(): void {
    this.#agent.destroy();
  }
}

async function requestOptions(options: KubeletOptions): Promise<RequestOptions> {
  const { host, port, certPath, keyPath, serverName, insecure } = options;
  const [cert, key, ca, token] = await Promise.all([
    certPath === undefined ? undefined : readFile(certPath),
    keyPath === undefined ? undefined : readFile(keyPath),
    insecure ? undefined : readAuthority(options),
    certPath === undefined ? readToken(options) : undefined,
  ]);
  return {
    host,
    port,
    rejectUnauthorized: !insecure,
    ...(cert && { cert }),
    ...(key && { key }),
    ...(ca && { ca }),
    // TLS has no server name for an address: the certificate is then checked against the address.
    ...(serverName === undefined ? isIP(host) === 0 && { servername: host } : { servername: serverName }),
    ...(token && { headers: { authorization: `Bearer ${token}` } }),
  };
}

/** The configured authority, or in a pod the cluster's; without either, Node's default authorities are used. */
function readAuthority({ caPath, serviceAccount }: KubeletOptions): Promise<Buffer | undefined> {
  return caPath === undefined ? unlessMissing(readFile(`${serviceAccount}/ca.crt`)) : readFile(caPath);
}

async function readToken({ tokenPath, serviceAccount }: KubeletOptions): Promise<string | undefined> {
  const token =
    tokenPath === undefined ? unlessMissing(readFile(`${serviceAccount}/token`)) : readFile(tokenPath);
  return (await token)?.toString().trim();
}

function unlessMissing(reading: Promise<Buffer>): Promise<Buffer | undefined> {
  return reading.catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
