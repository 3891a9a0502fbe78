/**
 * A slow and unreliable link to a server: a proxy that asks for each piece of data what to do with it.
 *
 * Promises: it forwards data unchanged and in order; a connection that is cut on one side is cut on the other.
 */
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { listen } from "./listening.js";

export type Direction = "to the server" | "to the client";

export type LinkFault =
  /** Everything after it in this direction waits. */
  | { readonly kind: "slow"; readonly ms: number }
  /** The piece is lost, and the connection with it. */
  | { readonly kind: "cut" }
  /** Half of the piece arrives, then the connection ends. */
  | { readonly kind: "cut half way" }
  /** The sender sees a cut immediately, but the piece arrives after this time. Only towards the server. */
  | { readonly kind: "cut and deliver"; readonly ms: number };

export interface FaultyLink {
  readonly port: number;
  /** Faults so far. */
  faults(): number;
  /** Ends all faults and delays. */
  calm(): void;
  /** Ends the link and every connection on it. */
  stop(): Promise<void>;
}

/** @param faultOf the fault of a piece of data; undefined forwards it */
export async function startFaultyLink(
  serverPort: number,
  faultOf: (direction: Direction) => LinkFault | undefined,
): Promise<FaultyLink> {
  let faults = 0;
  let isCalm = false;
  const upstreams = new Set<Socket>();
  const ask = (direction: Direction) => {
    const fault = isCalm ? undefined : faultOf(direction);
    if (fault !== undefined) faults += 1;
    return fault;
  };
  const server = createServer((client) => {
    const upstream = connect(serverPort, "127.0.0.1");
    upstreams.add(upstream);
    upstream.on("error", () => {}).on("close", () => upstreams.delete(upstream));
    for (const socket of [client, upstream]) socket.setNoDelay(true);
    carry(client, upstream, () => ask("to the server"));
    carry(upstream, client, () => ask("to the client"));
  });
  const { port, stop } = await listen(server);
  return {
    port,
    faults: () => faults,
    calm: () => {
      isCalm = true;
    },
    stop: async () => {
      for (const upstream of upstreams) upstream.destroy();
      await stop();
    },
  };
}

/** Forwards one socket's data to the other, piece by piece, until a fault or the end. */
function carry(from: Socket, to: Socket, nextFault: () => LinkFault | undefined): void {
  // Pieces wait for earlier ones, so their order is kept.
  let before: Promise<void> = Promise.resolve();
  let isCut = false;
  from.on("data", (piece: Buffer) => {
    before = before.then(async () => {
      if (isCut) return;
      const fault = nextFault();
      if (fault === undefined) return void to.write(piece);
      if (fault.kind === "slow") {
        await sleep(fault.ms);
        return void to.write(piece);
      }
      isCut = true;
      from.destroy();
      if (fault.kind === "cut") return void to.destroy();
      if (fault.kind === "cut and deliver") await sleep(fault.ms);
      to.end(fault.kind === "cut half way" ? piece.subarray(0, piece.length >> 1) : piece);
      // A server that never reads to the end must not keep the test alive.
      to.setTimeout(1_000, () => to.destroy());
    });
  });
  from.on("close", () => {
    void before.then(() => {
      if (!isCut) to.destroy();
    });
  });
}
