/**
 * An exchange over HTTP/1.1.
 *
 * Uses Node's own client, not undici, which compiles its parser from WebAssembly when it is first used: that takes 28 MB for
 * a moment and 23 MB permanently (docs/decisions/0011-memory.md).
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { watchProgress } from "./progress.js";
import {
  type Answer,
  AnswerText,
  ClosedConnectionError,
  type ExchangedRequest,
  type ExchangeOptions,
  isConnectionLoss,
  partsOf,
} from "./request-answer.js";
import type { Http1Connection } from "./server-connections.js";

export function exchangeByHttp1(
  { url, method, headers, body }: ExchangedRequest,
  { agent }: Http1Connection,
  { timeouts: { connect, answer }, signal, onSent }: ExchangeOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = method === "POST" ? { "Content-Length": `${body.length}` } : {};
    const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, {
      ...{ method, agent, signal },
      headers: { ...headers, ...length },
    });
    // HTTP/1.1 keeps connections alive by default: saves 24 bytes per request.
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
      clearTimeout(connecting);
      const progress = {
        ...{ quiet: answer, bytes: body.length },
        received: () => socket.bytesRead,
        isSent: () => request.writableFinished,
      };
      stopWatching = watchProgress(socket, progress, () =>
        request.destroy(new Error(`no response for ${answer} ms`)),
      );
      // The request reports its failures.
      pipeline(Readable.from(partsOf(body, onSent), { objectMode: false }), request).catch(() => {});
    });
    request.on("response", (response) => {
      hasAnswer = true;
      readAnswer(response)
        .then(resolve, reject)
        // If the answer came before the end of the body, the rest would be sent in vain.
        .finally(() => request.writableFinished || request.destroy());
    });
  });
}

function isClosedConnection(request: ClientRequest, error: NodeJS.ErrnoException): boolean {
  return request.reusedSocket && isConnectionLoss(error);
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const { statusCode: status = 0, headers } = response;
  const text = new AnswerText();
  // Leaving the loop destroys the response and closes its connection.
  for await (const part of response as AsyncIterable<Buffer>) if (!text.add(part)) break;
  return { status, headers, text: text.toString() };
}
