/** The interface of all kinds of sockets. */

/** An open socket. */
export interface OpenSocket {
  /** The address as in CHOUETTE_STATSD; with port 0, the one that the system chose. */
  readonly shown: string;
  /** Packets that the kernel dropped because its buffer was full; undefined if it doesn't report it. */
  kernelDrops(): Promise<number | undefined>;
  /** Rejects if the socket breaks; never resolves otherwise. */
  readonly broken: Promise<never>;
  close(): Promise<void>;
}

export type OpenStatsdSocket = () => Promise<OpenSocket>;

/** Rejects with the socket's next error, which needn't be handled. */
export function brokenBy(socket: NodeJS.EventEmitter): Promise<never> {
  const broken = new Promise<never>((_, reject) => {
    socket.on("error", reject);
  });
  broken.catch(() => {});
  return broken;
}
