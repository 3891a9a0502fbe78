/** A forward proxy that accepts CONNECT, optionally only with its password. */
import { createServer, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { type Listening, listen } from "./listening.js";

export interface ForwardProxy extends Listening {
  /** The requested `host:port`, in order. */
  readonly connected: readonly string[];
}

/** @param password password of the user `owl`; none by default */
export async function startForwardProxy(password?: string): Promise<ForwardProxy> {
  const connected: string[] = [];
  const expected = `Basic ${Buffer.from(`owl:${password}`).toString("base64")}`;
  const server = createServer((_, response) => response.writeHead(405).end());
  server.on("connect", (request: IncomingMessage, client: Socket) => {
    if (password !== undefined && request.headers["proxy-authorization"] !== expected) {
      client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    connected.push(request.url ?? "");
    const [host, port] = (request.url ?? "").split(":");
    const target = connect(Number(port), host, () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      target.pipe(client).pipe(target);
    });
    target.on("error", () => client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    client.on("close", () => target.destroy());
  });
  return { ...(await listen(server)), connected };
}
