/**
 * An exchange by HTTP/2.
 *
 * A request that the server says it didn't look at (a GOAWAY that names an earlier one as the last, REFUSED_STREAM) may be made
 * again right away, as may one on a kept connection that turned out closed. If a stream is reset otherwise, it isn't known what
 * became of its request.
 */
import type { ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { AnswerText } from "./answer-text.js";
import { partsOf } from "./body-parts.js";
import { ClosedConnectionError, isConnectionLoss } from "./closed-connection.js";
import type { Http2Connection } from "./http2-connection.js";
import { watchProgress } from "./progress.js";
import type { Answer, ExchangedRequest, ExchangeOptions } from "./request-answer.js";

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
        heard: () => text.bytes + (headers === undefined ? 0 : 1),
        isSent: () => stream.writableFinished,
      },
      () => stream.destroy(new Error(`nothing was heard for ${quiet} ms`)),
    );
    const settle = (answered: IncomingHttpHeaders) => {
      connection.hasAnswered = true;
      resolve({ status: Number(answered[":status"]), headers: answered, text: text.toString() });
      // An answer that came before the whole body, or is cut off: the rest would be sent for nothing.
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
      // One that was cut off ends as well, by being destroyed.
      if (headers !== undefined && !stream.destroyed) settle(headers);
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

/** Those of the connection are for HTTP/1.1 only. The user and password of the URL are a header here, too. */
function headersOf({ url, method, headers, body }: ExchangedRequest): OutgoingHttpHeaders {
  const { username, password } = url;
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return {
    ...{ ":method": method, ":scheme": "https", ":authority": url.host, ":path": url.pathname + url.search },
    ...headers,
    ...(user === ":" ? {} : { authorization: `Basic ${Buffer.from(user).toString("base64")}` }),
    ...(method === "POST" ? { "content-length": `${body.length}` } : {}),
  };
}

/** The last part ends the stream: an end of its own would be 31 bytes more. */
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
