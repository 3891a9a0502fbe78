/** Servers that answer as a test says, over HTTP/1.1 or HTTP/2, and senders with short time-outs. Needs openssl. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { Server, Socket } from "node:net";
import { milliseconds } from "@chouette-iot/record";
import { afterAll, beforeAll } from "vitest";
import { HttpSender, type HttpTimeouts } from "../../packages/agent/src/outputs/http.js";
import { WireMeter } from "../../packages/agent/src/outputs/wire-meter.js";
import { type Certificates, newCertificates, readPem } from "./certificates.js";
import { KEY } from "./delivering.js";
import { listen } from "./listening.js";

const ms = milliseconds;
export const PROTOCOLS = ["http/1.1", "h2"] as const;
type Protocol = (typeof PROTOCOLS)[number];

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;
/** @param number of the request, from 1 */
export type Answering = (request: Request, response: Response, number: number) => void;

export interface ServerOptions {
  /** Whether requests are answered only once their body is read; true by default. */
  readonly isReading?: boolean;
  /** h2 is spoken over TLS, http/1.1 without. */
  readonly protocol?: Protocol;
  readonly settings?: { readonly initialWindowSize: number };
}

export const answerWith = (response: Response, status: number, text = "") => {
  response.statusCode = status;
  response.end(text);
};
export const accept: Answering = (_, response) => answerWith(response, 202, '{"errors":[]}');

/** Call it once, at the top of a test file. `secure` is the server's certificate, filled before the first test. */
export function answeringServers(cleanUps: (() => unknown)[]) {
  const secure = { key: "", cert: "", ca: "" };
  let certificates: Certificates;
  beforeAll(async () => {
    certificates = await newCertificates();
    const { server, authority } = certificates;
    secure.key = await readPem(server.key);
    secure.cert = await readPem(server.cert);
    secure.ca = await readPem(authority);
  });
  afterAll(() => certificates.remove());

  /** @returns among others `ports`, those that requests came from, and `cut`, which breaks a request's connection */
  const startServer = async (
    answer: Answering,
    { isReading = true, protocol = "http/1.1", settings = { initialWindowSize: 65_535 } }: ServerOptions = {},
  ) => {
    const ports: (number | undefined)[] = [];
    const sockets = new Set<Socket>();
    const handle = (request: Request, response: Response) => {
      ports.push(request.socket.remotePort);
      const number = ports.length;
      if (!isReading) return answer(request, response, number);
      request.resume().on("end", () => answer(request, response, number));
    };
    const isSecure = protocol === "h2";
    const server = isSecure ? createSecureServer({ ...secure, settings }, handle) : createServer(handle);
    server.on(isSecure ? "secureConnection" : "connection", (socket: Socket) =>
      sockets.add(socket.on("error", () => {})),
    );
    const port = await listening(server);
    const url = isSecure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
    const cut = (request: Request) => {
      for (const socket of sockets) if (socket.remotePort === request.socket.remotePort) socket.destroy();
    };
    return { url, ports, sockets, cut };
  };

  /** @returns its port, until the end of the test */
  const listening = async (server: Server): Promise<number> => {
    const { port, stop } = await listen(server);
    cleanUps.push(stop);
    return port;
  };

  /** @param timeouts in milliseconds */
  const senderTo = (
    url: string,
    timeouts: { readonly [T in keyof HttpTimeouts]?: number } = {},
    meter = new WireMeter(),
  ) => {
    const sender = new HttpSender(
      { certificateAuthority: secure.ca },
      {
        connect: ms(timeouts.connect ?? 2_000),
        answer: ms(timeouts.answer ?? 2_000),
        whole: ms(timeouts.whole ?? 20_000),
        keepAlive: ms(timeouts.keepAlive ?? 5_000),
        farewell: ms(timeouts.farewell ?? 2_000),
        turn: ms(timeouts.turn ?? 2_000),
      },
      meter,
    );
    cleanUps.push(() => sender.close());
    return { ...postBy(sender, url), sender };
  };

  return { secure, startServer, listening, senderTo };
}

/** @returns `post`, which sends a body of so many zeros */
export function postBy(sender: HttpSender, url: string) {
  const post = (bytes: number, signal?: AbortSignal, headers: Readonly<Record<string, string>> = {}) =>
    sender.send(
      {
        url: `${url}/api/v2/series`,
        purpose: "metrics",
        method: "POST",
        body: new Uint8Array(bytes),
        headers: { "DD-API-KEY": KEY, ...headers },
      },
      signal,
    );
  return { post };
}
