/**
 * Datagrams read from a socket's descriptor: one system call for each, and no object. Node's own sockets make a buffer, an
 * address and an event of each, which costs more than taking what is in it.
 */
import { readSync } from "node:fs";
import { MAX_PACKET_BYTES } from "./stream-packets.js";

/** @param length how much of the buffer is the packet: the rest is older */
export type Receive = (packet: Buffer, length: number) => void;

/** Others shall have their turn. */
const MAX_READS = 1_000;

export class WaitingDatagrams {
  readonly #buffer = Buffer.alloc(MAX_PACKET_BYTES);
  readonly #receive: Receive;

  constructor(receive: Receive) {
    this.#receive = receive;
  }

  /** Returns whether there may be more. @throws what the system reports but EAGAIN. @param fd one that doesn't block */
  read(fd: number): boolean {
    try {
      for (let reads = 0; reads < MAX_READS; reads++) {
        const length = readSync(fd, this.#buffer, 0, MAX_PACKET_BYTES, null);
        if (length > 0) this.#receive(this.#buffer, length);
      }
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return false;
      throw error;
    }
  }
}
