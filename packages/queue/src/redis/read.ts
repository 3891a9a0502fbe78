/**
 * Reading a queue in Redis, page by page, while others append to it.
 *
 * Guarantee: a page holds the records that follow the position in the order of score and id; none twice, none
 * left out that was there before the read began. A position whose record is gone still marks its place.
 */
import type { Position, ReadOptions, StoredRecord } from "../store.js";
import type { RedisConnection } from "./connection.js";
import { keysOf, valuesOf } from "./keys.js";

export async function readPage(
  connection: RedisConnection,
  queue: string,
  { after, before = Infinity, limit }: ReadOptions,
): Promise<readonly StoredRecord[]> {
  const following = await positionsAfter(connection, queue, after, limit);
  const positions = following.filter((position) => position.score < before);
  if (positions.length === 0) return [];
  // Two commands, not one script: Lua's tables make the read slower by a third.
  const values = await connection.sendCommand<(string | null)[]>([
    "HMGET",
    valuesOf(queue),
    ...positions.map((position) => position.id),
  ]);
  return positions.map(({ score, id }, index) => ({ score, id, value: values[index] ?? undefined }));
}

async function positionsAfter(
  connection: RedisConnection,
  queue: string,
  after: Position | undefined,
  limit: number,
): Promise<readonly Position[]> {
  if (after === undefined) return byRank(connection, queue, 0, limit);
  const rank = await connection.sendCommand<number | null>(["ZRANK", keysOf(queue), after.id]);
  if (rank !== null) return byRank(connection, queue, rank + 1, limit);
  return byScore(connection, queue, after, limit);
}

async function byRank(
  connection: RedisConnection,
  queue: string,
  start: number,
  limit: number,
): Promise<Position[]> {
  const stop = start + limit - 1;
  const reply = await connection.sendCommand<string[]>([
    "ZRANGE",
    keysOf(queue),
    `${start}`,
    `${stop}`,
    "WITHSCORES",
  ]);
  return toPositions(reply);
}

/** For a position whose record was settled meanwhile: from its score on, past those of the same score before it. */
async function byScore(
  connection: RedisConnection,
  queue: string,
  after: Position,
  limit: number,
): Promise<Position[]> {
  for (let offset = 0; ; offset += limit) {
    const reply = await connection.sendCommand<string[]>([
      "ZRANGEBYSCORE",
      keysOf(queue),
      `${after.score}`,
      "+inf",
      "WITHSCORES",
      "LIMIT",
      `${offset}`,
      `${limit}`,
    ]);
    const all = toPositions(reply);
    const following = all.filter((position) => isAfter(position, after));
    if (following.length > 0 || all.length < limit) return following;
  }
}

function isAfter(position: Position, after: Position): boolean {
  if (position.score !== after.score) return position.score > after.score;
  return Buffer.compare(Buffer.from(position.id), Buffer.from(after.id)) > 0;
}

function toPositions(reply: readonly string[]): Position[] {
  const positions: Position[] = [];
  for (let index = 0; index + 1 < reply.length; index += 2) {
    positions.push({ id: reply[index] ?? "", score: toScore(reply[index + 1]) });
  }
  return positions;
}

/** Redis writes infinite scores as `inf` and `-inf`. */
function toScore(text: string | undefined): number {
  if (text === "inf") return Infinity;
  if (text === "-inf") return -Infinity;
  return Number(text);
}
