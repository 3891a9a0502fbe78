/** What the kinds of sockets have in common for the listener. */

/** An open socket. */
export interface OpenSocket {
  /** As it is written in CHOUETTE_STATSD; the port may be one that the system chose. */
  readonly shown: string;
  /** Packets that the kernel dropped because nobody read them in time; undefined if it doesn't say. */
  kernelDrops(): Promise<number | undefined>;
  /** Rejects if the socket breaks; never resolves otherwise. */
  readonly broken: Promise<never>;
  close(): Promise<void>;
}

export type OpenStatsdSocket = () => Promise<OpenSocket>;

/** Rejects with the socket's next error. It may never be asked for. */
export function brokenBy(socket: NodeJS.EventEmitter): Promise<never> {
  const broken = new Promise<never>((_, reject) => {
    socket.on("error", reject);
  });
  broken.catch(() => {});
  return broken;
}
