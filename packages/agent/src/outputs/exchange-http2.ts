/**
 * An exchange over HTTP/2.
 *
 * If the server reports that it didn't process a request (a GOAWAY with an earlier stream as the last one, REFUSED_STREAM), or a
 * kept connection turns out to be closed, the request can be repeated immediately. After any other reset it is unknown whether
 * the request was processed.
 */
import type { ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { Http2Connection } from "./http2-connection.js";
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

/** Codes of HTTP/2 (RFC 9113, 7). */
const REFUSED_STREAM = 7;
const CANCEL = 8;

export function exchangeByHttp2(
  request: ExchangedRequest,
  connection: Http2Connection,
  options: ExchangeOptions,
): Promise<Answer> {
  return connection.use(() => exchangeOn(request, connection, options));
}

function exchangeOn(
  request: ExchangedRequest,
  connection: Http2Connection,
  { timeouts: { answer: quiet }, signal, onSent }: ExchangeOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { body } = request;
    const isReused = connection.hasAnswered;
    const stream = connection.session.request(headersOf(request), { endStream: body.length === 0, signal });
    const text = new AnswerText();
    let headers: IncomingHttpHeaders | undefined;
    const stopWatching = watchProgress(
      connection.socket,
      {
        ...{ quiet, bytes: body.length },
        received: () => text.bytes + (headers === undefined ? 0 : 1),
        isSent: () => stream.writableFinished,
      },
      () => stream.destroy(new Error(`no response for ${quiet} ms`)),
    );
    const settle = (answered: IncomingHttpHeaders) => {
      connection.hasAnswered = true;
      resolve({ status: Number(answered[":status"]), headers: answered, text: text.toString() });
      // If the answer came before the end of the body, or is cut off, the rest isn't needed.
      if (!stream.writableFinished || !stream.readableEnded) stream.close(CANCEL);
    };
    stream.on("response", (received) => {
      headers = received;
    });
    stream.on("data", (part: Buffer) => {
      if (headers === undefined || text.add(part)) return;
      connection.retire();
      settle(headers);
    });
    stream.on("end", () => {
      if (headers !== undefined) settle(headers);
    });
    let error: Error | undefined;
    stream.on("error", (cause) => {
      error = cause;
    });
    stream.on("close", () => {
      stopWatching();
      reject(failureOf(stream, connection, { isReused, error, hasAnswer: headers !== undefined }));
    });
    write(stream, partsOf(body, onSent), body.length);
  });
}

function headersOf({ url, method, headers, body }: ExchangedRequest): OutgoingHttpHeaders {
  return {
    ...{ ":method": method, ":scheme": "https", ":authority": url.host, ":path": url.pathname + url.search },
    ...headers,
    ...(method === "POST" ? { "content-length": `${body.length}` } : {}),
  };
}

/** The last part ends the stream: a separate end would take 31 bytes. */
function write(stream: ClientHttp2Stream, parts: Iterator<Uint8Array>, bytes: number): void {
  let left = bytes;
  const more = () => {
    while (left > 0 && !stream.closed && !stream.destroyed) {
      const part: Uint8Array = parts.next().value;
      left -= part.length;
      if (left === 0) stream.end(part);
      else if (!stream.write(part)) return void stream.once("drain", more);
    }
  };
  more();
}

function failureOf(
  { rstCode, id = 0 }: ClientHttp2Stream,
  { session, lastTaken, error: connectionError }: Http2Connection,
  { isReused, error, hasAnswer }: { isReused: boolean; error: Error | undefined; hasAnswer: boolean },
): Error {
  const cause: NodeJS.ErrnoException | undefined = connectionError ?? error;
  const isUntouched = rstCode === REFUSED_STREAM || id > lastTaken;
  const isLost = cause === undefined ? session.destroyed : isConnectionLoss(cause);
  if (isReused && !hasAnswer && (isUntouched || isLost)) return new ClosedConnectionError();
  if (cause !== undefined) return cause;
  const how = session.destroyed ? "the connection was closed" : `the stream was reset with code ${rstCode}`;
  return new Error(hasAnswer ? `the answer was cut off: ${how}` : how);
}
