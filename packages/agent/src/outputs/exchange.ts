/**
 * An exchange with a server: a request goes out, its answer comes in.
 *
 * Promises, for each protocol: it ends by an answer or an error, and each of its steps has a time-out. A body's bytes are
 * counted when they are handed to a connection that is there. It reads no more of an answer than an intake has to say: what is
 * longer is cut off, and its connection isn't used again. If a connection that was kept turns out closed, the request is made once
 * more, on a new one. After any other failure, the connections to the server are new ones, too.
 */
import { ClosedConnectionError } from "./closed-connection.js";
import { exchangeByHttp1 } from "./exchange-http1.js";
import { exchangeByHttp2 } from "./exchange-http2.js";
import type { Answer, ExchangedRequest, ExchangeOptions } from "./request-answer.js";
import type { ServerConnections } from "./server-connections.js";

export async function exchange(
  request: ExchangedRequest,
  connections: ServerConnections,
  options: ExchangeOptions,
): Promise<Answer> {
  try {
    return await exchangeOnce(request, connections, options);
  } catch (error) {
    if (!(error instanceof ClosedConnectionError)) throw error;
    return exchangeOnce(request, connections, options);
  }
}

async function exchangeOnce(
  request: ExchangedRequest,
  connections: ServerConnections,
  options: ExchangeOptions,
): Promise<Answer> {
  const connection = await connections.open(options.signal);
  try {
    const answer =
      connection.protocol === "h2"
        ? await exchangeByHttp2(request, connection, options)
        : await exchangeByHttp1(request, connection, options);
    connections.answered(connection, answer);
    return answer;
  } catch (error) {
    connections.failed(connection, error);
    throw error;
  }
}
