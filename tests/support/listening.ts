/** A server of a test on a free port of loopback. Its end is also that of its connections. */
import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";

export interface Listening {
  readonly port: number;
  /** The open connections, below TLS. */
  readonly sockets: ReadonlySet<Socket>;
  stop(): Promise<void>;
}

/** @param port by default any that is free */
export async function listen(server: Server, port = 0): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    // A client that ends in the middle of something is none of the test's failures.
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  });
  await once(server.listen(port, "127.0.0.1"), "listening");
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
