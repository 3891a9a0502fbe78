/**
 * The Redis engine: queues in a Redis server, in the keys and shapes of the original.
 *
 * Promises what every store promises. As durable as the server: with `appendfsync always` a power cut costs
 * nothing, with `everysec` up to a second, with snapshots alone all since the last one.
 */
import { NAMESPACE } from "../names.js";
import { checkEpoch } from "../stale.js";
import type { NewRecord, ReadOptions, Settlement, Store, StoredRecord, Stray } from "../store.js";
import { append } from "./append.js";
import {
  type ConnectionEvents,
  connectRedis,
  type RedisAddress,
  type RedisConnection,
} from "./connection.js";
import { countersOf, keysOf, notesOf } from "./keys.js";
import { readPage } from "./read.js";
import { settle } from "./settle.js";
import { findStrays } from "./strays.js";

export { append, appendCommands } from "./append.js";
export {
  type ConnectionEvents,
  connectRedis,
  type RedisAddress,
  type RedisConnection,
} from "./connection.js";

export interface RedisStoreOptions extends RedisAddress, ConnectionEvents {
  /** What notes and counters are kept under; a shard's begins with the shard's. */
  readonly namespace?: string;
}

export class RedisStore implements Store {
  readonly #connection: RedisConnection;
  readonly #namespace: string;
  #epoch = 0;

  /** Begins to connect; until the server is there, every call rejects. */
  constructor({ namespace = NAMESPACE, ...connection }: RedisStoreOptions = {}) {
    this.#namespace = namespace;
    this.#connection = connectRedis(connection, {
      ...connection,
      onConnected: () => {
        this.#epoch += 1;
        connection.onConnected?.();
      },
    });
  }

  get epoch(): number {
    return this.#epoch;
  }

  append(queue: string, records: readonly NewRecord[]): Promise<void> {
    return append(this.#connection, queue, records);
  }

  read(queue: string, options: ReadOptions): Promise<readonly StoredRecord[]> {
    return readPage(this.#connection, queue, options);
  }

  strays(queue: string, limit: number): Promise<readonly Stray[]> {
    return findStrays(this.#connection, queue, limit);
  }

  async settle(settlement: Settlement): Promise<void> {
    checkEpoch(settlement.onlyInEpoch, this.#epoch);
    await settle(this.#connection, this.#namespace, settlement);
  }

  size(queue: string): Promise<number> {
    return this.#connection.sendCommand<number>(["ZCARD", keysOf(queue)]);
  }

  async notes(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    if (keys.length === 0) return [];
    const texts = await this.#connection.sendCommand<(string | null)[]>([
      "HMGET",
      notesOf(this.#namespace),
      ...keys,
    ]);
    return texts.map((text) => text ?? undefined);
  }

  async notesUnder(prefix: string): Promise<ReadonlyMap<string, string>> {
    const all = await this.#hash(notesOf(this.#namespace));
    return new Map(all.filter(([key]) => key.startsWith(prefix)));
  }

  async counters(): Promise<ReadonlyMap<string, number>> {
    const all = await this.#hash(countersOf(this.#namespace));
    return new Map(all.map(([name, count]) => [name, Number(count)]));
  }

  /** Ends the connection once the commands under way are answered. */
  async close(): Promise<void> {
    if (this.#connection.isReady) await this.#connection.close();
    else this.#connection.destroy();
  }

  async #hash(key: string): Promise<[string, string][]> {
    const reply = await this.#connection.sendCommand<string[]>(["HGETALL", key]);
    const pairs: [string, string][] = [];
    for (let index = 0; index + 1 < reply.length; index += 2)
      pairs.push([reply[index] ?? "", reply[index + 1] ?? ""]);
    return pairs;
  }
}
