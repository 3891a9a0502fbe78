/**
 * A connection through a forward proxy: CONNECT.
 *
 * Promises: it ends with a connection or an error within the time limit, and leaves no socket open. A refusal by the proxy is
 * an error, never an answer to the request: that would be taken for the intake's answer about the records.
 *
 * No library is used: `https-proxy-agent` keeps the socket of a proxy that never answers forever, and passes a proxy's 400 or
 * 403 on as if it were the server's.
 */
import { type ClientRequest, request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import type { Milliseconds } from "@chouette-iot/record";
import { bareHost, shownAddress } from "../runtime/address.js";
import { basicCredentials, loginOf } from "../runtime/url-login.js";
import type { Security } from "./secure-socket.js";

export interface Target {
  readonly host: string;
  readonly port: number;
  /** Undefined without TLS. */
  readonly security: Security | undefined;
  /** Called with the TCP connection, the proxy's if there is one, before anything is sent. */
  onSocket(socket: Socket): void;
}

export interface OpenOptions {
  /** For each step: TCP, a proxy, TLS. */
  readonly timeout: Milliseconds;
  readonly signal: AbortSignal | undefined;
}

/** Resolves with the connection to the target, without its TLS. */
export function openTunnel(
  proxy: URL,
  { host, port, onSocket }: Target,
  { timeout, signal }: OpenOptions,
): Promise<Socket> {
  const authority = shownAddress({ host, port });
  return new Promise((resolve, reject) => {
    const request = requestOf(proxy, {
      method: "CONNECT",
      path: authority,
      headers: { Host: authority, ...authorization(proxy) },
      signal,
    });
    const timer = setTimeout(
      () => request.destroy(new Error(`the proxy didn't answer for ${timeout} ms`)),
      timeout,
    );
    request.on("close", () => clearTimeout(timer));
    request.on("error", reject);
    request.on("socket", onSocket);
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
  const { protocol, port } = proxy;
  const address = { host: bareHost(proxy), agent: false, ...(port === "" ? {} : { port }) };
  const certificate = { rejectUnauthorized: true };
  return (protocol === "https:" ? httpsRequest : httpRequest)({ ...address, ...certificate, ...options });
}

function authorization(proxy: URL): Record<string, string> {
  const login = loginOf(proxy);
  return login === undefined ? {} : { "Proxy-Authorization": `Basic ${basicCredentials(login)}` };
}
