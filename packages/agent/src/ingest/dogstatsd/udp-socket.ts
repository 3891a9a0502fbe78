/**
 * The UDP socket of DogStatsD.
 *
 * It loses what the kernel drops while its buffer is full. The buffer is as large as the system allows up to 4 MiB:
 * `net.core.rmem_max` is the limit.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { shownStatsdAddress } from "../../runtime/address.js";
import { readKernelDrops } from "./kernel-drops.js";
import { brokenBy, type OpenSocket } from "./sockets.js";

const RECEIVE_BUFFER = 4 * 1024 * 1024;

/** Rejects if the address can't be had: taken, not this machine's, or no right to it. */
export async function openUdpSocket(
  { host, port }: { readonly host: string; readonly port: number },
  receive: (packet: Buffer) => void,
): Promise<OpenSocket> {
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  const listening = once(socket, "listening");
  socket.bind({ address: host, port, exclusive: true });
  try {
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  growBuffer(socket);
  const broken = brokenBy(socket);
  socket.on("message", receive);
  const bound = socket.address();
  return {
    shown: shownStatsdAddress({ kind: "udp", host: bound.address, port: bound.port }),
    kernelDrops: () => readKernelDrops(bound.address, bound.port),
    broken,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function growBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER);
  } catch {
    // Some systems refuse what is over their limit: their default does.
  }
}
