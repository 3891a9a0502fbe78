/** A client of the Redis protocol that sends any bytes and returns the received ones. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { until } from "./until.js";

export interface RawRedis {
  readonly socket: Socket;
  send(bytes: string | Buffer): void;
  /** All that came so far. */
  received(): string;
  /** Resolves with all that came once it holds this. */
  receives(text: string): Promise<string>;
  /** Resolves with all that came once the server has closed the connection. */
  readonly closed: Promise<string>;
}

/** @param encoding of what comes back; latin1 has a character for each byte */
export async function connectRaw(port: number, encoding: "utf8" | "latin1" = "utf8"): Promise<RawRedis> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let text = "";
  socket.setEncoding(encoding);
  socket.on("data", (chunk) => {
    text += chunk;
  });
  const closed = new Promise<string>((resolve) => {
    socket.on("error", () => resolve(text));
    socket.on("end", () => {
      socket.end();
      resolve(text);
    });
  });
  await once(socket, "connect");
  return {
    socket,
    send: (bytes) => void socket.write(bytes),
    received: () => text,
    receives: async (awaited) => {
      await until(`an answer with ${JSON.stringify(awaited)}`, () => text.includes(awaited)).catch(
        (error) => {
          throw new Error(`${error.message}; there came ${JSON.stringify(text)}`);
        },
      );
      return text;
    },
    closed,
  };
}

/** A request as clients write it. */
export function request(...args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join("")}`;
}

/** Sends these bytes on a connection of their own, then closes its side: all that is answered. */
export async function ask(
  port: number,
  bytes: string | Buffer,
  encoding?: "utf8" | "latin1",
): Promise<string> {
  const client = await connectRaw(port, encoding);
  client.socket.end(bytes);
  return client.closed;
}
