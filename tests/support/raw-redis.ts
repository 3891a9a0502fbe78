/** A client of the Redis protocol that sends any bytes and returns the received ones. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { until } from "./until.js";

export interface RawRedis {
  readonly socket: Socket;
  send(bytes: string | Buffer): void;
  /** Everything received so far. */
  received(): string;
  /** Resolves with everything received once that includes `text`. */
  receives(text: string): Promise<string>;
  /** Resolves with everything received once the server has closed the connection. */
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

/** A request with arguments of any bytes. */
export function requestOf(args: readonly (string | Buffer)[]): Buffer {
  const parts = args.flatMap((arg) => {
    const bytes = Buffer.from(arg);
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")];
  });
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts]);
}

const RAW = "chouette:metrics:raw";

/** A MULTI that stores a record of each of these ids. */
export function storing(ids: readonly string[], value = "{}"): string {
  const add = request("ZADD", `${RAW}.keys`, ...ids.flatMap((id, index) => [`${index}`, id]));
  const set = request("HSET", `${RAW}.values`, ...ids.flatMap((id) => [id, value]));
  return request("MULTI") + add + set + request("EXEC");
}

/** The replies to {@link storing}. */
export function storedReply(ids: readonly string[]): string {
  return `+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:${ids.length}\r\n:${ids.length}\r\n`;
}

/** Sends these bytes on a new connection, then closes its side. Resolves with the replies. */
export async function ask(
  port: number,
  bytes: string | Buffer,
  encoding?: "utf8" | "latin1",
): Promise<string> {
  const client = await connectRaw(port, encoding);
  client.socket.end(bytes);
  return client.closed;
}

/** The bulk strings of a reply that was received in latin1. */
export function bulksOf(reply: string): readonly string[] {
  const bulks: string[] = [];
  let at = 0;
  for (let head = nextBulk(reply, at); head !== null; head = nextBulk(reply, at)) {
    const start = head.index + head[0].length;
    at = start + Number(head[1]);
    bulks.push(reply.slice(start, at));
  }
  return bulks;
}

function nextBulk(reply: string, from: number): RegExpExecArray | null {
  const head = /\$(\d+)\r\n/g;
  head.lastIndex = from;
  return head.exec(reply);
}
