/** Connections to the intake: direct or through a proxy, and whose word is taken for the intake's identity. */
import { rootCertificates } from "node:tls";
import type { Milliseconds } from "@chouette-iot/record";
import { Agent, type Dispatcher, EnvHttpProxyAgent } from "undici";

export interface Proxies {
  /** The proxy for `http://` addresses, as a URL; user and password may be in it. */
  readonly http: string | undefined;
  /** The proxy for `https://` addresses. */
  readonly https: string | undefined;
  /** Hosts that are reached without one, with commas between them; `*` is all. */
  readonly except: string | undefined;
}

export interface ConnectionOptions {
  readonly proxies?: Proxies;
  /** A certificate authority in PEM, trusted beside those that Node comes with. */
  readonly certificateAuthority?: string;
}

export interface ConnectionTimeouts {
  readonly connect: Milliseconds;
  /** From the last byte sent to the first of the answer, and between two parts of it. */
  readonly answer: Milliseconds;
  readonly keepAlive: Milliseconds;
}

export function openConnections(
  { proxies, certificateAuthority }: ConnectionOptions,
  { connect, answer, keepAlive }: ConnectionTimeouts,
): Dispatcher {
  const trusted =
    certificateAuthority === undefined ? {} : { ca: [...rootCertificates, certificateAuthority] };
  const tls = { timeout: connect, ...trusted };
  const options = {
    connect: tls,
    headersTimeout: answer,
    bodyTimeout: answer,
    keepAliveTimeout: keepAlive,
    connections: 2,
  };
  if (proxies?.http === undefined && proxies?.https === undefined) return new Agent(options);
  return new EnvHttpProxyAgent({
    ...options,
    // The settings' word, not the environment's: nothing said is no proxy.
    httpProxy: proxies.http ?? "",
    httpsProxy: proxies.https ?? "",
    noProxy: proxies.except ?? "",
    requestTls: tls,
    proxyTls: tls,
  });
}
