/**
 * A link to a Redis server that cuts the client off in the middle of a step, and keeps what it had sent: the server comes
 * to read it later, as from a network that has delayed it.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { until } from "./until.js";

export interface HoldingLink {
  readonly port: number;
  /**
   * Waits for a transaction that this text is in, keeps it from the server and cuts its client off.
   * @param isOpen whether the client may connect again from then on
   */
  holdNext(text: string, isOpen: boolean): Promise<void>;
  /** Lets the client connect again. */
  open(): void;
  /** Hands the server what was held. @returns the answers to it; none if the server has ended that connection */
  release(): Promise<string>;
  stop(): Promise<void>;
}

/** How transactions begin and end on the wire: those that depend on watched keys, and those that don't. */
export const WATCHED = "$5\r\nWATCH\r\n";
export const UNWATCHED = "$5\r\nMULTI\r\n";
const END = "$4\r\nEXEC\r\n";

interface Held {
  readonly bytes: Buffer;
  readonly server: Socket;
}

/** @param beginning which transactions may be held */
export async function startHoldingLink(
  serverPort: number,
  beginning: typeof WATCHED | typeof UNWATCHED = WATCHED,
): Promise<HoldingLink> {
  let wanted: { readonly text: string; readonly isOpen: boolean } | undefined;
  let held: Held | undefined;
  let isOpen = true;
  const sockets = new Set<Socket>();

  const carry = (client: Socket, server: Socket) => {
    let kept = Buffer.alloc(0);
    client.on("data", (piece: Buffer) => {
      kept = Buffer.concat([kept, piece]);
      const begun = kept.includes(beginning);
      // A transaction is looked at as a whole.
      if (wanted !== undefined && begun && !kept.includes(END)) return;
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
    client.on("error", () => {});
    if (!isOpen) return void client.destroy();
    const server = connect(serverPort, "127.0.0.1");
    server.on("error", () => {});
    for (const socket of [client, server]) sockets.add(socket);
    carry(client, server);
  });
  await once(listener.listen(0, "127.0.0.1"), "listening");
  return {
    port: (listener.address() as AddressInfo).port,
    holdNext: async (text, mayReconnect) => {
      wanted = { text, isOpen: mayReconnect };
      await until(`a transaction with ${text}`, () => held !== undefined);
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
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
