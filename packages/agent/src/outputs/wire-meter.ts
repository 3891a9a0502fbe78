/**
 * Bytes on the wire: what the connections' sockets have sent and received, TLS, handshakes and a proxy's CONNECT included, by
 * destination and purpose. What IP and TCP add isn't in it.
 *
 * Requests to a destination follow one another, so what its sockets carry from one request to the next is the first one's. What is
 * carried by a connection to a proxy that is itself spoken to by TLS is counted without that TLS.
 */
import type { Socket } from "node:net";

export type Purpose = "metrics" | "logs" | "sketches" | "events" | "checks" | "validation";

export interface WireBytes {
  readonly sent: number;
  readonly received: number;
}

/** By destination and purpose, such as `api.datadoghq.com metrics`. */
export type WireCounts = ReadonlyMap<string, WireBytes>;

interface Metered {
  readonly destination: string;
  sent: number;
  received: number;
}

export class WireMeter {
  readonly #sockets = new Map<Socket, Metered>();
  readonly #purposes = new Map<string, Purpose>();
  #counts = new Map<string, WireBytes>();

  /** @param socket a TCP connection, without the TLS inside it */
  track(socket: Socket, destination: string): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.set(socket, { destination, sent: 0, received: 0 });
    socket.once("close", () => {
      this.#read(socket);
      this.#sockets.delete(socket);
    });
  }

  /** A request begins: what goes to and comes from its destination from now on is for this purpose. */
  begin(destination: string, purpose: Purpose): void {
    if (this.#purposes.get(destination) === purpose) return;
    this.#readAll();
    this.#purposes.set(destination, purpose);
  }

  /** Everything since the last call. */
  take(): WireCounts {
    this.#readAll();
    const counts = this.#counts;
    this.#counts = new Map();
    return counts;
  }

  #readAll(): void {
    for (const socket of this.#sockets.keys()) this.#read(socket);
  }

  #read(socket: Socket): void {
    const metered = this.#sockets.get(socket);
    if (metered === undefined) return;
    // What waits in the socket's own buffer hasn't gone out yet.
    const sent = socket.bytesWritten - socket.writableLength;
    const { bytesRead: received } = socket;
    const { destination } = metered;
    const key = `${destination} ${this.#purposes.get(destination) ?? "validation"}`;
    const counted = this.#counts.get(key) ?? { sent: 0, received: 0 };
    const more = { sent: sent - metered.sent, received: received - metered.received };
    Object.assign(metered, { sent, received });
    if (more.sent === 0 && more.received === 0) return;
    this.#counts.set(key, {
      sent: counted.sent + more.sent,
      received: counted.received + more.received,
    });
  }
}
