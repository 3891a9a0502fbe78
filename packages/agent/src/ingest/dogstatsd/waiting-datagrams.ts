/**
 * Reads datagrams from a socket's descriptor: one system call each, and no objects. Node's sockets create a buffer, an address
 * and an event for each, which costs more than parsing it.
 */
import { readSync } from "node:fs";
import { MAX_PACKET_BYTES } from "./stream-packets.js";

/** @param length of the packet in the buffer; the rest is older data */
export type Receive = (packet: Buffer, length: number) => void;

/** Limit per call, so that other work gets its turn. */
const MAX_READS = 1_000;

export class WaitingDatagrams {
  readonly #buffer = Buffer.alloc(MAX_PACKET_BYTES);
  readonly #receive: Receive;

  constructor(receive: Receive) {
    this.#receive = receive;
  }

  /** Returns whether there may be more. Throws errors other than EAGAIN. @param fd one that doesn't block */
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
