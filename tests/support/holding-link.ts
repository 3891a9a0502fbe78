/**
 * A link to a Redis server that cuts the client off in the middle of a step and keeps the bytes that it had sent: the
 * server gets them later, as from a network that has delayed them.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { listen } from "./listening.js";
import { until } from "./until.js";

export interface HoldingLink {
  readonly port: number;
  /**
   * Waits for a step that contains this text, holds it back and cuts the client off.
   * @param isOpen whether the client may connect again from then on
   */
  holdNext(text: string, isOpen: boolean): Promise<void>;
  /** Lets the client connect again. */
  open(): void;
  /** Sends the held bytes to the server. @returns the replies; none if the server has ended that connection */
  release(): Promise<string>;
  stop(): Promise<void>;
}

/** How steps begin on the wire: a settlement, which is one script, and a client's transaction. */
export const SETTLEMENT = "$4\r\nEVAL\r\n";
export const TRANSACTION = "$5\r\nMULTI\r\n";
const END = "$4\r\nEXEC\r\n";

interface Held {
  readonly bytes: Buffer;
  readonly server: Socket;
}

/** @param beginning the start of the transactions to hold */
export async function startHoldingLink(
  serverPort: number,
  beginning: typeof SETTLEMENT | typeof TRANSACTION = SETTLEMENT,
): Promise<HoldingLink> {
  let wanted: { readonly text: string; readonly isOpen: boolean } | undefined;
  let held: Held | undefined;
  let isOpen = true;
  const servers = new Set<Socket>();

  const carry = (client: Socket, server: Socket) => {
    let kept = Buffer.alloc(0);
    client.on("data", (piece: Buffer) => {
      kept = Buffer.concat([kept, piece]);
      const begun = kept.includes(beginning);
      // A step is looked at as a whole.
      const isEnded = beginning === TRANSACTION ? kept.includes(END) : isWhole(kept);
      if (wanted !== undefined && begun && !isEnded) return;
      if (wanted !== undefined && begun && kept.includes(wanted.text)) {
        held = { bytes: kept, server };
        isOpen = wanted.isOpen;
        wanted = undefined;
        client.destroy();
        return;
      }
      server.write(kept);
      kept = Buffer.alloc(0);
    });
    client.on("close", () => {
      if (held?.server !== server) server.destroy();
    });
    server.on("close", () => client.destroy());
    server.on("data", (answer: Buffer) => client.write(answer));
  };

  const listener = createServer((client) => {
    if (!isOpen) return void client.destroy();
    const server = connect(serverPort, "127.0.0.1");
    server.on("error", () => {});
    servers.add(server);
    carry(client, server);
  });
  const { port, stop } = await listen(listener);
  return {
    port,
    holdNext: async (text, mayReconnect) => {
      wanted = { text, isOpen: mayReconnect };
      await until(`a settlement with ${text}`, () => held !== undefined);
    },
    open: () => {
      isOpen = true;
    },
    release: async () => {
      if (held === undefined) throw new Error("nothing is held");
      const { bytes, server } = held;
      let answers = "";
      if (server.closed) return answers;
      server.on("data", (answer: Buffer) => {
        answers += answer.toString();
      });
      server.end(bytes);
      await once(server, "close");
      return answers;
    },
    stop: async () => {
      for (const server of servers) server.destroy();
      await stop();
    },
  };
}

/** Whether these bytes end where a request ends. */
function isWhole(bytes: Buffer): boolean {
  let at = 0;
  const header = (): number => {
    const end = bytes.indexOf("\r\n", at);
    const length = end < 0 ? Number.POSITIVE_INFINITY : Number(bytes.toString("latin1", at + 1, end));
    at = end + 2;
    return length;
  };
  while (at < bytes.length) {
    for (let left = header(); left > 0; left--) {
      if (left === Number.POSITIVE_INFINITY) return false;
      const length = header();
      at += length + 2;
      if (at > bytes.length) return false;
    }
  }
  return true;
}
