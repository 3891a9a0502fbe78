/**
 * Counts bytes on the wire, by destination and purpose: everything that sockets send and receive, including TLS, handshakes and
 * a proxy's CONNECT, without the headers of IP and TCP.
 *
 * Requests to a destination follow one another, so all bytes until the next request belong to the current one. If the proxy
 * itself is connected by TLS, that TLS isn't counted.
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
    const metered = { destination, sent: 0, received: 0 };
    this.#sockets.set(socket, metered);
    socket.once("close", () => {
      this.#read(socket, metered);
      this.#sockets.delete(socket);
    });
  }

  /** A request begins: from now on, the destination's bytes belong to this purpose. */
  begin(destination: string, purpose: Purpose): void {
    if (this.#purposes.get(destination) === purpose) return;
    this.#readAll();
    this.#purposes.set(destination, purpose);
  }

  /** The counts since the last call. */
  take(): WireCounts {
    this.#readAll();
    const counts = this.#counts;
    this.#counts = new Map();
    return counts;
  }

  #readAll(): void {
    for (const [socket, metered] of this.#sockets) this.#read(socket, metered);
  }

  #read(socket: Socket, metered: Metered): void {
    // Without bytes in the socket's buffer, which aren't sent yet.
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
