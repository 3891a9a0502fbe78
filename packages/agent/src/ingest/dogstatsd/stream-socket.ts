/**
 * Stream sockets of DogStatsD: a Unix socket for packets with a length prefix, and TCP for lines.
 *
 * Promises: complete packets are processed, however the connection ends. The number of connections and their memory are bounded.
 * The file of a socket that nobody listens on is replaced; one that is in use isn't.
 */
import { once } from "node:events";
import { chmod, lstat, unlink } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { shownStatsdAddress } from "../../runtime/address.js";
import type { StatsdCounters } from "./counters.js";
import { brokenBy, type OpenSocket, SOCKET_MODE } from "./sockets.js";
import { lengthPrefixed, lines } from "./stream-packets.js";

type StreamAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unixstream"; readonly path: string };

const MAX_CONNECTIONS = 256;
/** A client that lost its power would keep its connection forever. */
const KEEP_ALIVE_MS = 60_000;

/** Rejects if the address is in use or not available. */
export async function openStreamSocket(
  address: StreamAddress,
  receive: (packet: Buffer) => void,
  counters: StatsdCounters,
): Promise<OpenSocket> {
  const open = new Set<Socket>();
  const server = createServer({ keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }, (socket) => {
    if (open.size >= MAX_CONNECTIONS) {
      counters.closedConnections++;
      socket.destroy();
      return;
    }
    open.add(socket);
    counters.connections++;
    socket.once("close", () => {
      open.delete(socket);
      counters.connections--;
    });
    readPackets(address.kind, socket, receive, counters);
  });
  if (address.kind === "unixstream") await removeUnusedSocket(address.path);
  await listen(server, address);
  return {
    shown: shownStatsdAddress(boundAddress(server, address)),
    broken: brokenBy(server),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function readPackets(
  kind: StreamAddress["kind"],
  socket: Socket,
  receive: (packet: Buffer) => void,
  counters: StatsdCounters,
): void {
  const { take, end } =
    kind === "tcp" ? lines(receive) : { take: lengthPrefixed(receive), end: () => undefined };
  socket.on("data", (bytes: Buffer) => {
    try {
      take(bytes);
    } catch {
      counters.closedConnections++;
      socket.destroy();
    }
  });
  socket.on("end", end);
  // Clients may disconnect at any time.
  socket.on("error", () => {});
}

async function listen(server: Server, address: StreamAddress): Promise<void> {
  const listening = once(server, "listening");
  if (address.kind === "tcp") server.listen({ host: address.host, port: address.port });
  else server.listen(address.path);
  await listening;
  if (address.kind === "unixstream") await chmod(address.path, SOCKET_MODE);
}

function boundAddress(server: Server, address: StreamAddress): StreamAddress {
  if (address.kind === "unixstream") return address;
  const { address: host, port } = server.address() as AddressInfo;
  return { kind: "tcp", host, port };
}

/** A process that was killed leaves the file of its socket. */
async function removeUnusedSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || !found.isSocket()) return;
  const socket = connect(path);
  try {
    await once(socket, "connect");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ECONNREFUSED") await unlink(path);
  } finally {
    socket.destroy();
  }
}
