/**
 * The UDP socket of DogStatsD.
 *
 * Node emits the first datagrams of a turn; if there are several, the waiting ones are read from the socket's descriptor, at a
 * fraction of the cost.
 *
 * Loses what the kernel drops while its buffer is full. The buffer has 4 MiB, or the system's limit `net.core.rmem_max`.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readdir, readlink } from "node:fs/promises";
import { type AddressInfo, isIPv6 } from "node:net";
import { shownStatsdAddress } from "../../runtime/address.js";
import { kernelInode, readKernelDrops, readKernelTable } from "./kernel-drops.js";
import { brokenBy, growBuffer, type OpenSocket } from "./sockets.js";
import { type Receive, WaitingDatagrams } from "./waiting-datagrams.js";

/** Number of datagrams in a turn after which more are read: finding none costs as much as several of them. */
const BURST = 4;
const DESCRIPTORS = "/proc/self/fd";

/** Rejects if the address is in use, not of this machine, or not permitted. */
export async function openUdpSocket(
  { host, port }: { readonly host: string; readonly port: number },
  receive: Receive,
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
  const bound = socket.address();
  const descriptor = ownDescriptor(bound);
  // Immediately: datagrams that arrive before there is a listener would be lost.
  const stop = readBursts(socket, descriptor, receive);
  await descriptor;
  return {
    shown: shownStatsdAddress({ kind: "udp", host: bound.address, port: bound.port }),
    kernelDrops: () => readKernelDrops(bound.address, bound.port),
    broken,
    close: () => {
      // Its descriptor's number may belong to another file immediately after.
      stop();
      return new Promise((resolve) => socket.close(() => resolve()));
    },
  };
}

/** Returns a function that stops it. Until the descriptor is known, all datagrams come as events. */
function readBursts(socket: Socket, descriptor: Promise<number | undefined>, receive: Receive): () => void {
  let fd: number | undefined;
  void descriptor.then((found) => {
    fd = found;
  });
  const waiting = new WaitingDatagrams(receive);
  let isStopped = false;
  let inTurn = 0;
  const beginTurn = () => {
    inTurn = 0;
  };
  socket.on("message", (packet) => {
    receive(packet, packet.length);
    if (++inTurn === 1) setImmediate(beginTurn);
    if (isStopped || fd === undefined || inTurn % BURST !== 0) return;
    try {
      waiting.read(fd);
    } catch (error) {
      socket.emit("error", error);
    }
  });
  return () => {
    isStopped = true;
  };
}

/** The descriptor of the socket with this address, from Linux' `/proc`: Node doesn't expose it. */
async function ownDescriptor({ address, port }: AddressInfo): Promise<number | undefined> {
  const inode = kernelInode(await readKernelTable(address), address, port);
  if (inode === undefined) return undefined;
  const names = await readdir(DESCRIPTORS).catch(() => []);
  for (const name of names) {
    const target = await readlink(`${DESCRIPTORS}/${name}`).catch(() => "");
    if (target === `socket:[${inode}]`) return Number(name);
  }
  return undefined;
}
