/**
 * A connection through a forward proxy: CONNECT, and TLS to the intake inside it.
 *
 * Promises: it ends by a connection or an error within the time-out, and leaves no socket behind. What the proxy
 * refuses is an error and never an answer to the request: that would be taken for the intake's word on the records.
 *
 * Not by a library: `https-proxy-agent` keeps the socket of a proxy that never answers for ever, and hands on a
 * proxy's 400 or 403 as if it came from the other end.
 */
import { type ClientRequest, request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import { connect, type SecureContext } from "node:tls";
import type { Milliseconds } from "@chouette-iot/record";

export interface Target {
  readonly host: string;
  readonly port: number;
  /** Whether it is spoken to by TLS, and by whose word it is known. */
  readonly tls: { readonly secureContext: SecureContext | undefined } | undefined;
}

/** @param timeout for the proxy and for the intake's handshake, each */
export async function openTunnel(proxy: URL, target: Target, timeout: Milliseconds): Promise<Socket> {
  const socket = await connectThrough(proxy, target, timeout);
  return target.tls === undefined ? socket : await secured(socket, target, timeout);
}

function connectThrough(proxy: URL, { host, port }: Target, timeout: Milliseconds): Promise<Socket> {
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const request = requestOf(proxy, {
      method: "CONNECT",
      path: authority,
      headers: { Host: authority, ...authorization(proxy) },
    });
    const timer = setTimeout(
      () => request.destroy(new Error(`no word of the proxy for ${timeout} ms`)),
      timeout,
    );
    request.on("close", () => clearTimeout(timer));
    request.on("error", reject);
    request.on("connect", ({ statusCode }, socket) => {
      clearTimeout(timer);
      if (statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(new Error(`the proxy answered HTTP ${statusCode}`));
    });
    request.end();
  });
}

function requestOf(proxy: URL, options: RequestOptions): ClientRequest {
  const { protocol, hostname, port } = proxy;
  const address = { host: hostname.replace(/^\[|\]$/g, ""), agent: false, ...(port === "" ? {} : { port }) };
  const certificate = { rejectUnauthorized: true };
  return (protocol === "https:" ? httpsRequest : httpRequest)({ ...address, ...certificate, ...options });
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "Proxy-Authorization": `Basic ${Buffer.from(credentials).toString("base64")}` };
}

function secured(socket: Socket, { host, tls }: Target, timeout: Milliseconds): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const secure = connect({
      socket,
      rejectUnauthorized: true,
      // A certificate is asked for by name; an address can't be (RFC 6066, 3).
      ...(isIP(host) === 0 ? { servername: host } : { host }),
      ...(tls?.secureContext === undefined ? {} : { secureContext: tls.secureContext }),
    });
    const timer = setTimeout(() => secure.destroy(new Error(`no TLS handshake for ${timeout} ms`)), timeout);
    secure.on("close", () => clearTimeout(timer));
    secure.once("error", reject);
    secure.once("secureConnect", () => {
      clearTimeout(timer);
      secure.off("error", reject);
      resolve(secure);
    });
  });
}
