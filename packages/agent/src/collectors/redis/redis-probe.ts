/** A connection to a Redis that a collector looks into: opened in the round that first needs it, and once more where it broke. */
import { verifiedTls } from "@chouette-iot/queue/redis/connection";
import { createClient } from "@redis/client";
import type { RedisAddress } from "../collector.js";

const CONNECT_TIMEOUT_MS = 5_000;

type Client = ReturnType<typeof newClient>;

export class RedisProbe {
  readonly #address: RedisAddress;
  #client: Client | undefined;

  constructor(address: RedisAddress) {
    this.#address = address;
  }

  /** Where it looks, without user and password. */
  get server(): string {
    const { url, host = "127.0.0.1", port = 6379 } = this.#address;
    if (url === undefined) return `${host}:${port}`;
    const { hostname, port: ofUrl } = new URL(url);
    return `${hostname}:${ofUrl || 6379}`;
  }

  /** Does this with a connection that is up; closes it where the work fails or the signal is aborted. */
  async with<T>(signal: AbortSignal, work: (client: Client) => Promise<T>): Promise<T> {
    // Ends commands that a silent server doesn't answer.
    const abort = () => this.close();
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await work(await this.#connected());
    } catch (error) {
      this.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  close(): void {
    if (this.#client?.isOpen) this.#client.destroy();
    this.#client = undefined;
  }

  async #connected(): Promise<Client> {
    if (this.#client?.isReady) return this.#client;
    this.close();
    this.#client = newClient(this.#address);
    await this.#client.connect();
    return this.#client;
  }
}

function newClient({ url, host = "127.0.0.1", port = 6379 }: RedisAddress) {
  const client = createClient({
    ...(url === undefined ? {} : { url }),
    RESP: 2,
    disableOfflineQueue: true,
    socket: {
      ...(url === undefined ? { host, port } : verifiedTls(url)),
      connectTimeout: CONNECT_TIMEOUT_MS,
      // The next round tries again; between two rounds nobody needs it.
      reconnectStrategy: false,
    },
  });
  // What breaks shows in the command that is under way, or in the next one.
  client.on("error", () => {});
  return client;
}
