/**
 * An exchange with a server: a request and its answer.
 *
 * Promises, for both protocols: it ends with an answer or an error, and each step has a time limit. Bytes of the body are
 * counted when they are written to an open connection. A longer answer than intakes send is cut off, and its connection isn't
 * used again. If a kept connection turns out to be closed, the request is repeated once on a new one. After any other failure,
 * the next request uses a new connection.
 */
import { exchangeByHttp1 } from "./exchange-http1.js";
import { exchangeByHttp2 } from "./exchange-http2.js";
import {
  type Answer,
  ClosedConnectionError,
  type ExchangedRequest,
  type ExchangeOptions,
} from "./request-answer.js";
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
