/** A TCP proxy that counts the bytes that it forwards, without the headers of TCP and IP. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface CountingProxy {
  readonly port: number;
  /** Bytes so far, connections, and those of them that have ended. */
  readonly counts: { up: number; down: number; connections: number; ended: number };
  stop(): Promise<void>;
}

/** @param port on loopback, where everything is passed on to */
export async function startCountingProxy(port: number): Promise<CountingProxy> {
  const counts = { up: 0, down: 0, connections: 0, ended: 0 };
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    counts.connections += 1;
    client.once("close", () => {
      counts.ended += 1;
    });
    const target = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const pass = (from: Socket, to: Socket, count: (bytes: number) => void) => {
      sockets.add(from);
      from.on("data", (data) => {
        count(data.length);
        to.write(data);
      });
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    };
    pass(client, target, (bytes) => {
      counts.up += bytes;
    });
    pass(target, client, (bytes) => {
      counts.down += bytes;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    counts,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
