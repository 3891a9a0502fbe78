/** What all kinds of sockets have in common. */

/** An open socket. */
export interface OpenSocket {
  /** The address as in CHOUETTE_STATSD; with port 0, the one that the system chose. */
  readonly shown: string;
  /** Packets that the kernel dropped because its buffer was full; undefined if it doesn't report it. */
  kernelDrops?(): Promise<number | undefined>;
  /** Rejects if the socket breaks; never resolves otherwise. */
  readonly broken: Promise<never>;
  close(): Promise<void>;
}

/** Of a Unix socket: programs of every user may write, as with the Datadog Agent's. Its folder restricts who can reach it. */
export const SOCKET_MODE = 0o722;

const RECEIVE_BUFFER = 4 * 1024 * 1024;

/** Gives a datagram socket a buffer of 4 MiB. */
export function growBuffer(socket: { setRecvBufferSize(bytes: number): void }): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER);
  } catch {
    // Some systems refuse a size over their limit: their default is enough.
  }
}

/** Rejects with the socket's next error, which needn't be handled. */
export function brokenBy(socket: NodeJS.EventEmitter): Promise<never> {
  const broken = new Promise<never>((_, reject) => {
    socket.on("error", reject);
  });
  broken.catch(() => {});
  return broken;
}
