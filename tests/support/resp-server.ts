/**
 * A server that speaks Redis' protocol and stores what clients of the library send. A test may replace, hold back or lose any
 * of its replies, at any step: a real Redis does that only by chance.
 */
import { createServer, type Socket } from "node:net";
import { type Listening, listen } from "./listening.js";

export interface Request {
  /** Number of its connection, from 1. */
  readonly from: number;
  readonly args: readonly string[];
}

/**
 * - a reply as on the wire, in place of the server's own; the command isn't executed
 * - `hold`: this and everything after it on its connection waits for `release`, unread
 * - `cut`: the connection ends, and the command isn't executed
 * - `lose`: the command is executed, and the connection ends without a reply
 */
export type Fault = { readonly reply: string } | "hold" | "cut" | "lose";

export interface RespServer extends Listening {
  readonly requests: readonly Request[];
  /** The names of the commands of a connection, in their order. */
  commands(from: number): readonly string[];
  /** The values of SET. */
  readonly texts: Map<string, string>;
  /** The records of a queue by id. */
  records(queue: string): ReadonlyMap<string, { readonly score: string; readonly value: string }>;
  /** The reply to WAIT. */
  replicas: number;
  /** Asked for each request. */
  fault: (request: Request) => Fault | undefined;
  /** Executes what is held of connections that are still open. */
  release(): void;
}

export const simple = (text: string) => `+${text}\r\n`;
export const failure = (text: string) => `-${text}\r\n`;
export const integer = (number: number) => `:${number}\r\n`;
export const bulk = (text: string | undefined) =>
  text === undefined ? "$-1\r\n" : `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
export const array = (items: readonly string[]) => `*${items.length}\r\n${items.join("")}`;

interface Connection {
  readonly id: number;
  readonly socket: Socket;
  /** Commands since MULTI. */
  queued: (readonly string[])[] | undefined;
  held: (readonly string[])[] | undefined;
}

export async function startRespServer(): Promise<RespServer> {
  const requests: Request[] = [];
  const texts = new Map<string, string>();
  const sets = new Map<string, Map<string, string>>();
  const connections = new Map<number, Connection>();
  let opened = 0;

  const pairsInto = (key: string, pairs: readonly string[], swap: boolean) => {
    const set = sets.get(key) ?? new Map<string, string>();
    sets.set(key, set);
    for (let at = 0; at < pairs.length; at += 2) {
      const [one = "", other = ""] = pairs.slice(at, at + 2);
      set.set(swap ? other : one, swap ? one : other);
    }
    return integer(pairs.length / 2);
  };
  const kill = (id: string | undefined, address: string | undefined) => {
    const found = connections.get(Number(id));
    if (found === undefined || addressOf(found.socket) !== address) return integer(0);
    connections.delete(found.id);
    found.socket.destroy();
    return integer(1);
  };
  const execute = (connection: Connection, [name = "", ...args]: readonly string[]): string => {
    const [key = "", value = ""] = args;
    switch (name) {
      case "ZADD":
        return pairsInto(key, args.slice(1), true);
      case "HSET":
        return pairsInto(key, args.slice(1), false);
      case "SET":
        texts.set(key, value);
        return simple("OK");
      case "GET":
        return bulk(texts.get(key));
      case "EXPIRE":
        return integer(texts.has(key) ? 1 : 0);
      case "WAIT":
        return integer(server.replicas);
      case "HELLO":
        return array([bulk("role"), bulk("master")]);
      case "ROLE":
        return array([bulk("master")]);
      case "CLIENT":
        if (key === "KILL") return kill(args[2], args[4]);
        return bulk(`id=${connection.id} addr=${addressOf(connection.socket)} laddr=x name=\n`);
      case "CLUSTER":
        return failure("ERR This instance has cluster support disabled");
      default:
        return simple("OK");
    }
  };
  const replyTo = (connection: Connection, command: readonly string[]): string => {
    const { queued } = connection;
    if (command[0] === "MULTI") connection.queued = [];
    else if (command[0] === "EXEC" && queued !== undefined) {
      connection.queued = undefined;
      return array(queued.map((each) => execute(connection, each)));
    } else if (queued !== undefined) {
      queued.push(command);
      return simple("QUEUED");
    }
    return execute(connection, command);
  };
  const receive = (connection: Connection, args: readonly string[]) => {
    if (connection.held !== undefined) {
      connection.held.push(args);
      return;
    }
    const request = { from: connection.id, args };
    requests.push(request);
    const fault = server.fault(request);
    if (fault === "hold") {
      connection.held = [args];
    } else if (fault === "cut") connection.socket.destroy();
    else if (typeof fault === "object") connection.socket.write(fault.reply);
    else {
      const reply = replyTo(connection, args);
      if (fault === "lose") connection.socket.destroy();
      else connection.socket.write(reply);
    }
  };

  const listening = await listen(
    createServer((socket) => {
      const connection: Connection = { id: ++opened, socket, queued: undefined, held: undefined };
      connections.set(connection.id, connection);
      let unread = "";
      socket.setNoDelay(true).setEncoding("latin1");
      socket.on("close", () => connections.delete(connection.id));
      socket.on("data", (piece: string) => {
        unread += piece;
        for (let read = readRequest(unread); read !== undefined; read = readRequest(unread)) {
          unread = unread.slice(read.end);
          if (!socket.destroyed) receive(connection, read.args);
        }
      });
    }),
  );
  const server: RespServer = {
    ...listening,
    requests,
    texts,
    replicas: 0,
    fault: () => undefined,
    commands: (from) =>
      requests.filter((request) => request.from === from).map(({ args: [name = ""] }) => name),
    records: (queue) => {
      const values = sets.get(`${queue}.values`);
      const scores = [...(sets.get(`${queue}.keys`) ?? [])];
      return new Map(scores.map(([id, score]) => [id, { score, value: values?.get(id) ?? "" }]));
    },
    release: () => {
      server.fault = () => undefined;
      for (const connection of connections.values()) {
        const held = connection.held ?? [];
        connection.held = undefined;
        for (const args of held) receive(connection, args);
      }
    },
  };
  return server;
}

function addressOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

/** The first request in this text, read as latin1; undefined if it is incomplete. */
function readRequest(text: string): { readonly args: readonly string[]; readonly end: number } | undefined {
  let at = 0;
  const number = (): number => {
    const end = text.indexOf("\r\n", at);
    const value = end < 0 ? Number.NaN : Number(text.slice(at + 1, end));
    at = end + 2;
    return value;
  };
  const count = number();
  const args: string[] = [];
  while (args.length < count) {
    const length = number();
    if (Number.isNaN(length) || at + length + 2 > text.length) return undefined;
    args.push(Buffer.from(text.slice(at, at + length), "latin1").toString());
    at += length + 2;
  }
  return Number.isNaN(count) ? undefined : { args, end: at };
}
