/**
 * The Redis engine: queues in a Redis server, with the original's keys and formats.
 *
 * Promises the same as every store. It is as durable as the server: a power cut loses nothing with `appendfsync always`, up
 * to a second with `everysec`, and everything since the last snapshot without an append-only file.
 */
import { NAMESPACE } from "../queue-names.js";
import { checkEpoch } from "../stale.js";
import type { NewRecord, Orphan, ReadOptions, Settlement, Store, StoredRecord } from "../store.js";
import { append } from "./append.js";
import { type Census, takeCensus } from "./census.js";
import { CheckedConnection, type Patience } from "./checked-connection.js";
import { countersOf, keysOf, stateOf } from "./keys.js";
import { findOrphans } from "./orphans.js";
import { readPage } from "./read.js";
import type { ConnectionEvents, RedisAddress } from "./redis-connection.js";
import { type ServerInfo, serverInfo } from "./server-info.js";
import { settle } from "./settle.js";
import { readShards, replaceShards } from "./shard-count.js";

export { append, appendCommands } from "./append.js";
export type { Census } from "./census.js";
export type { RedisAddress, RedisConnection } from "./redis-connection.js";
export type { ServerInfo } from "./server-info.js";

export interface RedisStoreOptions extends RedisAddress, ConnectionEvents {
  /** Prefix of the keys of state and counters; with shards, each has its own. */
  readonly namespace?: string;
  /** Whether the namespace is that of a shard, which is looked for if the server is a node of a Redis Cluster. False by default. */
  readonly shard?: boolean;
  /** When to drop a server that hangs. Only tests change it. */
  readonly patience?: Partial<Patience>;
}

export class RedisStore implements Store {
  readonly #connection: CheckedConnection;
  readonly #namespace: string;

  /** Starts to connect; until that succeeds, every call rejects. */
  constructor({
    namespace = NAMESPACE,
    shard: isShard = false,
    patience,
    ...connection
  }: RedisStoreOptions = {}) {
    this.#namespace = namespace;
    this.#connection = new CheckedConnection(connection, { namespace, isShard }, connection, patience);
  }

  get epoch(): number {
    return this.#connection.epoch;
  }

  /** Host and port of the current or the last server; undefined before the first connection. */
  get server(): string | undefined {
    return this.#connection.server;
  }

  /** Whether the server is a node of a Redis Cluster; false before the first connection, and without a shard. */
  get isCluster(): boolean {
    return this.#connection.isCluster;
  }

  append(queue: string, records: readonly NewRecord[]): Promise<void> {
    return this.#connection.run((connection) => append(connection, queue, records));
  }

  read(queue: string, options: ReadOptions): Promise<readonly StoredRecord[]> {
    return this.#connection.run((connection) => readPage(connection, queue, options));
  }

  orphans(queue: string, limit: number): Promise<readonly Orphan[]> {
    return this.#connection.run((connection) => findOrphans(connection, queue, limit));
  }

  settle(settlement: Settlement): Promise<void> {
    return this.#connection.run(async (connection) => {
      // In the same turn as the command is sent, so the connection can't change in between.
      checkEpoch(settlement.onlyInEpoch, this.epoch);
      await settle(connection, this.#namespace, settlement);
    });
  }

  size(queue: string): Promise<number> {
    return this.#connection.run((connection) => connection.sendCommand<number>(["ZCARD", keysOf(queue)]));
  }

  async state(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    if (keys.length === 0) return [];
    const command = ["HMGET", stateOf(this.#namespace), ...keys];
    const texts = await this.#connection.run((connection) =>
      connection.sendCommand<(string | null)[]>(command),
    );
    return texts.map((text) => text ?? undefined);
  }

  async stateWithPrefix(prefix: string): Promise<ReadonlyMap<string, string>> {
    const all = await this.#hash(stateOf(this.#namespace));
    return new Map(all.filter(([key]) => key.startsWith(prefix)));
  }

  async counters(): Promise<ReadonlyMap<string, number>> {
    const all = await this.#hash(countersOf(this.#namespace));
    return new Map(all.map(([name, count]) => [name, Number(count)]));
  }

  /** The number of shards that is stored in this namespace; undefined if there is none. */
  shards(): Promise<number | undefined> {
    return this.#connection.run((connection) => readShards(connection, this.#namespace));
  }

  /**
   * Stores the number of shards in this namespace, in one step with the check that it has another one, or none.
   * @param from the number that must be stored now; undefined: none
   * @returns false if there is another one
   */
  replaceShards(from: number | undefined, to: number): Promise<boolean> {
    return this.#connection.run((connection) => replaceShards(connection, this.#namespace, from, to));
  }

  /** Undefined if the account may not call INFO. */
  serverInfo(): Promise<ServerInfo | undefined> {
    return this.#connection.run(serverInfo);
  }

  /** Counters and sizes at one moment. */
  census(queues: readonly string[]): Promise<Census> {
    return this.#connection.run((connection) => takeCensus(connection, this.#namespace, queues));
  }

  /** Closes the connection once the commands in flight are answered. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  async #hash(key: string): Promise<[string, string][]> {
    const reply = await this.#connection.run((connection) =>
      connection.sendCommand<string[]>(["HGETALL", key]),
    );
    const pairs: [string, string][] = [];
    for (let index = 0; index + 1 < reply.length; index += 2)
      pairs.push([reply[index] ?? "", reply[index + 1] ?? ""]);
    return pairs;
  }
}
