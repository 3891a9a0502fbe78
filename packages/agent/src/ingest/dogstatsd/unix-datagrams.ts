/**
 * Unix datagrams, for which Node has no sockets, in two ways.
 *
 * A path requires the package `node-unix-socket`, installed next to the agent; it is loaded only for that. A socket that systemd
 * passes (`ListenDatagram=` in a `.socket` unit) requires nothing: reading its descriptor returns a datagram. It is read until
 * it is empty, and again after a short pause, since Node can't wait for it. It must not block (`NonBlocking=true`).
 */
import { type EventEmitter, once } from "node:events";
import { fstatSync, readFileSync } from "node:fs";
import { chmod, lstat, unlink } from "node:fs/promises";
import { shownStatsdAddress } from "../../runtime/address.js";
import { withResolvers } from "../../runtime/promises.js";
import { brokenBy, growBuffer, type OpenSocket, SOCKET_MODE } from "./sockets.js";
import { type Receive, WaitingDatagrams } from "./waiting-datagrams.js";

/** systemd's queue has 512 datagrams: enough for 50,000 a second. */
const PAUSE_MS = 10;
const FIRST_DESCRIPTOR = 3;
const O_NONBLOCK = 0o4000;

/**
 * Rejects if the package isn't installed, or the path is in use or not available.
 * @param load loads the class of the package's sockets
 */
export async function openUnixDatagrams(
  path: string,
  receive: Receive,
  load = unixSockets,
): Promise<OpenSocket> {
  const DgramSocket = await load();
  await removeUnused(path, () => new DgramSocket());
  const socket = new DgramSocket();
  // Before it is bound: datagrams that arrive before there is a listener would be lost.
  const broken = brokenBy(socket);
  socket.on("data", (packet: Buffer) => receive(packet, packet.length));
  try {
    socket.bind(path);
    await chmod(path, SOCKET_MODE);
  } catch (error) {
    socket.close();
    throw error;
  }
  growBuffer(socket);
  return {
    shown: shownStatsdAddress({ kind: "unixgram", path }),
    broken,
    close: async () => {
      const closed = once(socket, "close");
      socket.close();
      await closed;
      await unlink(path).catch(() => {});
    },
  };
}

/** A process that was killed leaves the file of its socket: sending to it fails. */
async function removeUnused(path: string, newSocket: () => UnixSocket): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || !found.isSocket()) return;
  const socket = newSocket();
  const error = await new Promise<Error | undefined>((resolve) => {
    socket.on("error", () => {});
    socket.sendTo(Buffer.alloc(1, "\n"), 0, 1, path, resolve);
  });
  socket.close();
  if (error === undefined) throw new Error(`${path} is taken by another program`);
  await unlink(path);
}

/** The package isn't a dependency of the agent: it is native, and not available for every system. */
async function unixSockets(): Promise<new () => UnixSocket> {
  const name = "node-unix-socket";
  try {
    const { DgramSocket } = (await import(name)) as { DgramSocket: new () => UnixSocket };
    return DgramSocket;
  } catch (cause) {
    throw new Error(`unixgram:// needs the package ${name} 0.2.7, installed next to the agent`, { cause });
  }
}

export interface UnixSocket extends EventEmitter {
  bind(path: string): void;
  setRecvBufferSize(bytes: number): void;
  sendTo(bytes: Buffer, offset: number, length: number, path: string, sent: (error?: Error) => void): void;
  close(): void;
}

/** The descriptors that systemd passed; none if the variables are for another process. */
export function inheritedDescriptors(env: NodeJS.ProcessEnv, pid: number): readonly number[] {
  const { LISTEN_PID, LISTEN_FDS } = env;
  if (Number(LISTEN_PID) !== pid) return [];
  const count = Number(LISTEN_FDS);
  if (!Number.isInteger(count) || count < 1) return [];
  return Array.from({ length: count }, (_, index) => FIRST_DESCRIPTOR + index);
}

/** @throws if the descriptor isn't a socket, or would block the agent */
export function openInherited(fd: number, receive: Receive): OpenSocket {
  if (!fstatSync(fd).isSocket()) throw new Error(`descriptor ${fd} is not a socket`);
  const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1] ?? "0";
  if ((Number.parseInt(flags, 8) & O_NONBLOCK) === 0)
    throw new Error(`descriptor ${fd} blocks: set NonBlocking=true in the service's unit`);
  const waiting = new WaitingDatagrams(receive);
  const { promise: broken, reject: fail } = withResolvers<never>();
  broken.catch(() => {});
  const read = () => {
    try {
      timer = setTimeout(read, waiting.read(fd) ? 0 : PAUSE_MS);
    } catch (error) {
      fail(error);
    }
  };
  let timer = setTimeout(read, 0);
  return {
    shown: shownStatsdAddress({ kind: "descriptor", fd }),
    broken,
    // systemd keeps it open and passes it to the next process.
    close: async () => clearTimeout(timer),
  };
}
