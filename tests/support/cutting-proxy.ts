/** A proxy that cuts connections at the worst moments: the server has executed the command, and its reply is lost. */
import { connect, createServer, type Socket } from "node:net";

export interface CuttingProxy {
  readonly port: number;
  /** Connections cut so far. */
  cuts(): number;
  /** Stops cutting. */
  calm(): void;
  stop(): Promise<void>;
}

/**
 * @param cutHere called for each reply of the server: true drops it and ends the connection
 * @param port its own; any free one where it is not given
 */
export async function startCuttingProxy(
  serverPort: number,
  cutHere: () => boolean,
  port = 0,
): Promise<CuttingProxy> {
  let cuts = 0;
  let calm = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(serverPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on("data", (answer) => {
      if (calm || !cutHere()) {
        client.write(answer);
        return;
      }
      cuts++;
      client.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    cuts: () => cuts,
    calm: () => {
      calm = true;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
