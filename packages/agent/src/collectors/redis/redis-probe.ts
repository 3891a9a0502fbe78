/**
 * A collector's connection to a Redis server: opened in the first round, and again after it broke. With Sentinels, it is a
 * connection to the master, after a failover to the new one.
 */
import {
  newConnection,
  parsedAddress,
  type RedisConnection,
  whileHeld,
} from "@chouette-iot/queue/redis/connection";
import { addressText, type BrokerAddress } from "@chouette-iot/queue/resp/address";
import { MasterFinder } from "@chouette-iot/queue/resp/master-finder";
import type { RedisAddress } from "../collector.js";

export type { RedisConnection };

/** Keys per step of a scan: few enough not to block the server for long. */
const SCAN_COUNT = 1_000;

export class RedisProbe {
  readonly #master: MasterFinder;
  /** The server of the current or last connection. */
  #server: BrokerAddress | undefined;
  #client: RedisConnection | undefined;

  constructor(address: RedisAddress) {
    this.#master = new MasterFinder(parsedAddress(address));
  }

  /** The address, without user and password. */
  get server(): string {
    return this.#server === undefined ? this.#master.text : addressText(this.#server);
  }

  /** Runs the work on an open connection. Closes it if the work fails or the signal is aborted. */
  async with<T>(signal: AbortSignal, work: (client: RedisConnection) => Promise<T>): Promise<T> {
    // Ends commands that a silent server doesn't answer.
    const abort = () => this.close();
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await work(await this.#connected(signal));
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

  async #connected(signal: AbortSignal): Promise<RedisConnection> {
    const isReplaced = await whileHeld(this.#master.hasFailedOver());
    if (this.#client?.isReady && !isReplaced) return this.#client;
    this.close();
    this.#server = await whileHeld(this.#master.find());
    // Otherwise nobody would close it: `close` found no client yet.
    signal.throwIfAborted();
    const client = newConnection(this.#server);
    // Errors reject the current command, or the next one.
    client.on("error", () => {});
    this.#client = client;
    await client.connect();
    return client;
  }
}

/** The keys that match a pattern. Found step by step: KEYS would block the server. */
export async function scanKeys(client: RedisConnection, pattern: string): Promise<readonly string[]> {
  const keys = new Set<string>();
  for await (const found of client.scanIterator({ MATCH: pattern, COUNT: SCAN_COUNT })) {
    for (const key of found) keys.add(key);
  }
  return [...keys];
}

/** Escapes a text for use in a pattern. */
export function escapePattern(text: string): string {
  return text.replace(/[\\*?[\]]/g, "\\$&");
}
