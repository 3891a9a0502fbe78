/**
 * One HTTP exchange: a request goes out, its answer comes in.
 *
 * Promises: it ends by an answer or an error, and each of its steps has a time-out. A body's bytes are counted when
 * they are handed to a connection that is there. It reads no more of an answer than an intake has to say: what is
 * longer is cut off, and its connection closed.
 *
 * By Node's own client, not undici: that compiles its parser from WebAssembly when it is first used, which takes
 * 28 MB for a moment and 23 MB for good (docs/decisions/0011-memory.md).
 */
import {
  type Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import { request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Milliseconds } from "@chouette-iot/record";
import { watchProgress } from "./progress.js";

export interface ExchangeTimeouts {
  readonly connect: Milliseconds;
  /** In which no byte of the request is acknowledged and none of the answer comes in. */
  readonly answer: Milliseconds;
}

export interface ExchangeOptions {
  readonly agent: Agent;
  readonly timeouts: ExchangeTimeouts;
  readonly signal: AbortSignal;
  /** Called with each part's bytes. */
  readonly onSent?: (bytes: number) => void;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The answer's body, or its beginning. */
  readonly text: string;
}

/** A connection that was kept from an earlier request turned out closed: nothing is known of the server itself. */
export class ClosedConnectionError extends Error {
  override readonly name = "ClosedConnectionError";
}

/** A body goes out in parts of this size, so that one that was cut off counts by what went out of it. */
const PART_BYTES = 16 * 1024;
const MAX_ANSWER_BYTES = 64 * 1024;

export interface ExchangedRequest {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Rejects with a {@link ClosedConnectionError} if the request may be made again on a new connection right away. */
export function exchange(
  { url, method, headers, body }: ExchangedRequest,
  { agent, timeouts: { connect, answer }, signal, onSent = () => {} }: ExchangeOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = method === "POST" ? { "Content-Length": `${body.length}` } : {};
    const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, {
      ...{ method, agent, signal },
      headers: { ...headers, ...length },
    });
    // HTTP/1.1 keeps connections alive without being told so: 24 bytes less in each request.
    request.removeHeader("Connection");
    const connecting = setTimeout(
      () => request.destroy(new Error(`no connection within ${connect} ms`)),
      connect,
    );
    let stopWatching = () => {};
    request.on("close", () => {
      clearTimeout(connecting);
      stopWatching();
    });
    let hasAnswer = false;
    request.on("error", (error) => {
      reject(!hasAnswer && isClosedConnection(request, error) ? new ClosedConnectionError() : error);
    });
    request.on("socket", (socket) => {
      whenConnected(socket, url, () => {
        clearTimeout(connecting);
        stopWatching = watchProgress(socket, { quiet: answer, bytes: body.length }, () =>
          request.destroy(new Error(`nothing was heard for ${answer} ms`)),
        );
        // Its failure is the request's, which says so itself.
        pipeline(Readable.from(partsOf(body, onSent), { objectMode: false }), request).catch(() => {});
      });
    });
    request.on("response", (response) => {
      hasAnswer = true;
      readAnswer(response)
        .then(resolve, reject)
        // An answer that came before the whole body: the rest of that would be sent for nothing.
        .finally(() => request.writableFinished || request.destroy());
    });
  });
}

function isClosedConnection(request: ClientRequest, error: NodeJS.ErrnoException): boolean {
  return request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

function whenConnected(socket: Socket, { protocol }: URL, then: () => void): void {
  if (!socket.connecting) then();
  else socket.once(protocol === "https:" ? "secureConnect" : "connect", then);
}

function* partsOf(body: Uint8Array, onSent: (bytes: number) => void): Generator<Uint8Array> {
  for (let start = 0; start < body.length; start += PART_BYTES) {
    const part = body.subarray(start, start + PART_BYTES);
    onSent(part.length);
    yield part;
  }
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const { statusCode: status = 0, headers } = response;
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    // Leaving the loop destroys the response and its connection.
    if (bytes > MAX_ANSWER_BYTES) break;
  }
  return { status, headers, text: Buffer.concat(parts).toString() };
}
