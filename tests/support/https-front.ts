/**
 * HTTPS, with HTTP/2 or 1.1, in front of an HTTP server, with a certificate for `localhost` from a separate authority.
 * Needs openssl.
 */
import { type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { createServer } from "node:https";
import { newCertificates, readPem } from "./certificates.js";
import { listen } from "./listening.js";

export interface HttpsFront {
  readonly url: string;
  /** The file with the authority's certificate. */
  readonly authority: string;
  stop(): Promise<void>;
}

/** Headers of the connection, not of the request or its answer. */
const HOP_BY_HOP: ReadonlySet<string> = new Set(["connection", "keep-alive", "transfer-encoding"]);

/**
 * @param behind the server that everything is handed on to, without a path
 * @param options `http2`: whether it is spoken with those who can; by default it is
 */
export async function startHttpsFront(behind: string, { http2 = true } = {}): Promise<HttpsFront> {
  const { server: pair, authority, remove } = await newCertificates();
  const credentials = { key: await readPem(pair.key), cert: await readPem(pair.cert) };
  const handOn = (
    incoming: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
  ) => {
    const { method, url, headers } = incoming;
    const onward = request(behind + url, { method, headers: passed(headers) }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, passed(answer.headers));
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    incoming.pipe(onward);
  };
  const server = http2
    ? createSecureServer({ ...credentials, allowHTTP1: true }, handOn)
    : createServer(credentials, handOn);
  server.on("tlsClientError", () => {});
  const { port, stop } = await listen(server);
  return {
    url: `https://localhost:${port}`,
    authority,
    stop: async () => {
      await stop();
      await remove();
    },
  };
}

function passed(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith(":") && !HOP_BY_HOP.has(name)),
  );
}
