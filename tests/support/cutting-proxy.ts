/** A proxy that cuts connections at the worst moments: the server has executed the command, and its reply is lost. */
import { connect, createServer } from "node:net";
import { type Listening, listen } from "./listening.js";

export interface CuttingProxy extends Listening {
  /** Connections cut so far. */
  cuts(): number;
  /** Stops cutting. */
  calm(): void;
}

/**
 * @param cutHere called for each reply of the server: true drops it and ends the connection
 * @param port its own; by default any that is free
 */
export async function startCuttingProxy(
  serverPort: number,
  cutHere: () => boolean,
  port = 0,
): Promise<CuttingProxy> {
  let cuts = 0;
  let calm = false;
  const server = createServer((client) => {
    const upstream = connect(serverPort, "127.0.0.1");
    upstream.on("error", () => {}).on("close", () => client.destroy());
    client.on("close", () => upstream.destroy()).pipe(upstream);
    upstream.on("data", (answer) => {
      if (calm || !cutHere()) {
        client.write(answer);
        return;
      }
      cuts++;
      client.destroy();
    });
  });
  return {
    ...(await listen(server, port)),
    cuts: () => cuts,
    calm: () => {
      calm = true;
    },
  };
}
