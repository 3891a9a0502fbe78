/**
 * A connection to a Redis that a collector looks into: opened in the round that first needs it, and again after it broke.
 * With Sentinels it leads to the master, and to another one in the round after a failover.
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

export class RedisProbe {
  readonly #master: MasterFinder;
  /** Where the connection leads to, or did. */
  #server: BrokerAddress | undefined;
  #client: RedisConnection | undefined;

  constructor(address: RedisAddress) {
    this.#master = new MasterFinder(parsedAddress(address));
  }

  /** Where it looks, without user and password. */
  get server(): string {
    return this.#server === undefined ? this.#master.text : addressText(this.#server);
  }

  /** Does this with a connection that is up; closes it where the work fails or the signal is aborted. */
  async with<T>(signal: AbortSignal, work: (client: RedisConnection) => Promise<T>): Promise<T> {
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

  async #connected(): Promise<RedisConnection> {
    const isReplaced = await whileHeld(this.#master.hasFailedOver());
    if (this.#client?.isReady && !isReplaced) return this.#client;
    this.close();
    this.#server = await whileHeld(this.#master.find());
    const client = newConnection(this.#server);
    // What breaks shows in the command that is under way, or in the next one.
    client.on("error", () => {});
    this.#client = client;
    await client.connect();
    return client;
  }
}
