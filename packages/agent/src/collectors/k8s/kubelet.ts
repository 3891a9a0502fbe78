/**
 * Asking the kubelet, over HTTPS with a client certificate or a token.
 *
 * Promises: the kubelet's certificate is verified unless that was switched off by name. Certificates and token
 * are read for every request, since clusters renew them while the agent runs. A connection is not kept between
 * rounds; its TLS session is, so that the next handshake costs little.
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
  /** Where a pod finds the token and the authority of its service account. */
  readonly serviceAccount: string;
  /** Believes anyone who answers. */
  readonly insecure: boolean;
}

/** A summary may list each container of a node's hundred pods. */
const MAX_BYTES = 32 * 1_048_576;

export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #agent = new Agent({ keepAlive: false });

  constructor(options: KubeletOptions) {
    this.#options = options;
  }

  /** The body of a 200. Throws with the status of any other answer. */
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
    // An address is no server name in TLS; the certificate is then checked against the address itself.
    ...(serverName === undefined ? isIP(host) === 0 && { servername: host } : { servername: serverName }),
    ...(token && { headers: { authorization: `Bearer ${token}` } }),
  };
}

/** The named authority, or the cluster's own inside a pod; without either, those that Node trusts. */
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
