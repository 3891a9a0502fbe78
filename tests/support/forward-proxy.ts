/** A forward proxy that accepts CONNECT, optionally only with its password. */
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface ForwardProxy {
  readonly port: number;
  /** The requested `host:port`, in order. */
  readonly connected: readonly string[];
  stop(): Promise<void>;
}

/** @param password password of the user `owl`; none by default */
export async function startForwardProxy(password?: string): Promise<ForwardProxy> {
  const connected: string[] = [];
  const sockets = new Set<Socket>();
  const expected = `Basic ${Buffer.from(`owl:${password}`).toString("base64")}`;
  const server = createServer((_, response) => response.writeHead(405).end());
  server.on("connection", (socket) => sockets.add(socket));
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
    client.on("error", () => {});
    target.on("error", () => client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    client.on("close", () => target.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connected,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
