/** What the shards of a broker have, for tests of clients with shards. */
import { queueNames, shardNamespace } from "@chouette-iot/queue";

/** A command to the server that has the key. */
export type CommandAt = (key: string, ...args: readonly string[]) => Promise<unknown>;

export interface ShardedRecord {
  readonly shard: number;
  readonly id: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** All records of one kind of queue. */
export async function recordsInShards(
  commandAt: CommandAt,
  shards: number,
  kind: "rawMetrics" | "logs" = "rawMetrics",
): Promise<readonly ShardedRecord[]> {
  const all: ShardedRecord[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const queue = queueNames(shardNamespace(shard))[kind];
    const ids = (await commandAt(queue, "ZRANGE", `${queue}.keys`, "0", "-1")) as string[];
    if (ids.length !== (await commandAt(queue, "HLEN", `${queue}.values`)))
      throw new Error(`${queue} has ids without values, or values without ids`);
    if (ids.length === 0) continue;
    const values = (await commandAt(queue, "HMGET", `${queue}.values`, ...ids)) as string[];
    for (const [index, id] of ids.entries())
      all.push({ shard, id, json: JSON.parse(values[index] ?? "null") });
  }
  return all;
}
