/**
 * The Redis engine: queues in a Redis server, in the keys and shapes of the original.
 *
 * Promises what every store promises. As durable as the server: with `appendfsync always` a power cut costs
 * nothing, with `everysec` up to a second, with snapshots alone all since the last one.
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

export { append, appendCommands } from "./append.js";
export type { Census } from "./census.js";
export type { RedisAddress, RedisConnection } from "./redis-connection.js";
export type { ServerInfo } from "./server-info.js";

export interface RedisStoreOptions extends RedisAddress, ConnectionEvents {
  /** What state and counters are kept under; a shard's begins with the shard's. */
  readonly namespace?: string;
  /** When a server that hangs is given up; only tests have less patience. */
  readonly patience?: Partial<Patience>;
}

export class RedisStore implements Store {
  readonly #connection: CheckedConnection;
  readonly #namespace: string;

  /** Begins to connect; until the server is there, every call rejects. */
  constructor({ namespace = NAMESPACE, patience, ...connection }: RedisStoreOptions = {}) {
    this.#namespace = namespace;
    this.#connection = new CheckedConnection(connection, namespace, connection, patience);
  }

  get epoch(): number {
    return this.#connection.epoch;
  }

  /** Host and port of the server that was connected to last; undefined before. */
  get server(): string | undefined {
    return this.#connection.server;
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
      // In the same turn as the command is sent: it never goes over a later connection.
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

  /** Undefined if the account has no right to INFO. */
  serverInfo(): Promise<ServerInfo | undefined> {
    return this.#connection.run(serverInfo);
  }

  /** Counters and sizes at one moment. */
  census(queues: readonly string[]): Promise<Census> {
    return this.#connection.run((connection) => takeCensus(connection, this.#namespace, queues));
  }

  /** Ends the connection once the commands under way are answered. */
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
