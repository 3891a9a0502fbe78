/** A TCP proxy that counts the bytes that it forwards, without the headers of TCP and IP. */
import { connect, createServer, type Socket } from "node:net";
import { type Listening, listen } from "./listening.js";

export interface CountingProxy extends Listening {
  /** Bytes so far, connections, and those of them that have ended. */
  readonly counts: { up: number; down: number; connections: number; ended: number };
}

/** @param port on loopback, where everything is passed on to */
export async function startCountingProxy(port: number): Promise<CountingProxy> {
  const counts = { up: 0, down: 0, connections: 0, ended: 0 };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    counts.connections += 1;
    client.once("close", () => {
      counts.ended += 1;
    });
    const target = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const pass = (from: Socket, to: Socket, count: (bytes: number) => void) => {
      from.on("data", (data) => {
        count(data.length);
        to.write(data);
      });
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
    };
    pass(client, target, (bytes) => {
      counts.up += bytes;
    });
    pass(target, client, (bytes) => {
      counts.down += bytes;
    });
  });
  return { ...(await listen(server)), counts };
}
