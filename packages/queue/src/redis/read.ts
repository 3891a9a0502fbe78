/**
 * Reads a page of a queue in Redis, while others append and settle.
 *
 * Promises: a page has the records after the position, in order of score and id. No record comes twice, and none is missing
 * that existed before the read began and still exists. A position is valid even if its record is gone.
 */
import type { Position, ReadOptions, StoredRecord } from "../store.js";
import { idArgument, idTexts, isDamaged } from "./id-text.js";
import { keysOf } from "./keys.js";
import type { RedisConnection } from "./redis-connection.js";
import { firstValues, type RangeSizes, rangeSizes, UNKNOWN_SIZES } from "./values.js";

/** The next page; empty only at the end of the queue. */
export async function readPage(
  connection: RedisConnection,
  queue: string,
  { after, before, limit }: ReadOptions,
): Promise<readonly StoredRecord[]> {
  let from = after;
  for (;;) {
    const range = await rangeAfter(connection, queue, from, limit);
    const positions =
      before === undefined ? range.positions : range.positions.filter(({ score }) => score < before);
    if (positions.length === 0) return [];
    const { looked, records } = await withValues(connection, queue, { ...range, positions });
    if (records.length > 0) return records;
    from = positions[looked - 1];
  }
}

/** Consecutive positions, and the known sizes of their values. */
interface Range {
  readonly positions: readonly Position[];
  readonly sizes: RangeSizes;
}

/**
 * The records at these positions, as many as fit into a page, without those that were settled meanwhile.
 * @returns `looked`, the number of positions that were looked at
 */
async function withValues(
  connection: RedisConnection,
  queue: string,
  { positions, sizes }: Range,
): Promise<{ readonly looked: number; readonly records: readonly StoredRecord[] }> {
  const ids = positions.map(({ id }) => id);
  const values = await firstValues(connection, queue, ids, sizes);
  const records: StoredRecord[] = [];
  for (const [index, value] of values.entries()) {
    const position = positions[index];
    if (position !== undefined) records.push({ score: position.score, id: position.id, ...value });
  }
  const looked = records.length;
  const valueless = records.filter(
    ({ value, oversizeBytes }) => value === undefined && oversizeBytes === undefined,
  );
  if (valueless.length === 0) return { looked, records };
  const scores = await Promise.all(
    valueless.map(({ id }) =>
      connection.sendCommand<string | null>(["ZSCORE", keysOf(queue), idArgument(id)]),
    ),
  );
  const settled = new Set(valueless.filter((_, index) => scores[index] === null));
  return { looked, records: records.filter((record) => !settled.has(record)) };
}

async function rangeAfter(
  connection: RedisConnection,
  queue: string,
  after: Position | undefined,
  limit: number,
): Promise<Range> {
  if (after === undefined) return measuredRange(connection, queue, ["ZRANGE", "0", `${limit - 1}`]);
  // One command is enough while few records share a score: those of the position's own score are read again.
  const fromScore = ["ZRANGEBYSCORE", `${after.score}`, "+inf", "LIMIT", "0", `${limit + 1}`];
  const { positions: chunk, sizes } = await measuredRange(connection, queue, fromScore);
  const following = chunk.filter((position) => isAfter(position, after));
  if (following.length >= limit / 2 || chunk.length <= limit) {
    const count = sizes.count - (chunk.length - following.length);
    return { positions: following.slice(0, limit), sizes: { ...sizes, count } };
  }
  const positions =
    (await afterRank(connection, queue, after, limit)) ?? (await afterScore(connection, queue, after, limit));
  return { positions, sizes: UNKNOWN_SIZES };
}

async function measuredRange(
  connection: RedisConnection,
  queue: string,
  [command = "", ...range]: readonly string[],
): Promise<Range> {
  const [chunk, sizes] = await Promise.all([
    positions(connection, [command, keysOf(queue), ...range, "WITHSCORES"]),
    rangeSizes(connection, queue, [command, ...range]),
  ]);
  return { positions: chunk, sizes };
}

/** KEYS: the queue's ids. ARGV: an id, and how many to return after it. Returns null if the id is gone. */
const AFTER_ID = `
local rank = redis.call("ZRANK", KEYS[1], ARGV[1])
return rank and redis.call("ZRANGE", KEYS[1], rank + 1, rank + ARGV[2], "WITHSCORES")`;

/** Undefined if the position's record is gone, and so has no rank. */
async function afterRank(
  connection: RedisConnection,
  queue: string,
  after: Position,
  limit: number,
): Promise<readonly Position[] | undefined> {
  const command = ["EVAL", AFTER_ID, "1", keysOf(queue), idArgument(after.id), `${limit}`];
  const reply = await connection.sendCommand<string[] | null>(command);
  if (reply === null) return undefined;
  return toPositions(isDamaged(reply) ? await idTexts(connection, command) : reply);
}

/** Reads from the start of the position's score, skipping the ids up to the position. */
async function afterScore(
  connection: RedisConnection,
  queue: string,
  after: Position,
  limit: number,
): Promise<readonly Position[]> {
  const command = ["ZRANGEBYSCORE", keysOf(queue), `${after.score}`, "+inf", "WITHSCORES", "LIMIT"];
  let offset = 0;
  let last: Position | undefined;
  for (;;) {
    const chunk = await positions(connection, [...command, `${offset}`, `${limit + 1}`]);
    const inPlace = last === undefined || chunk[0]?.id === last.id;
    const following = chunk.filter((position) => isAfter(position, after));
    if (inPlace && (following.length > 0 || chunk.length <= limit)) return following.slice(0, limit);
    // Each chunk starts with the last id of the previous one. If it doesn't, ranks have shifted: start over.
    offset = inPlace ? offset + limit : 0;
    last = inPlace ? chunk.at(-1) : undefined;
  }
}

function isAfter(position: Position, after: Position): boolean {
  if (position.score !== after.score) return position.score > after.score;
  return Buffer.compare(bytesOf(position.id), bytesOf(after.id)) > 0;
}

function bytesOf(id: string): Buffer {
  const argument = idArgument(id);
  return typeof argument === "string" ? Buffer.from(argument) : argument;
}

async function positions(connection: RedisConnection, command: readonly string[]): Promise<Position[]> {
  const reply = await connection.sendCommand<string[]>([...command]);
  return toPositions(isDamaged(reply) ? await idTexts(connection, command) : reply);
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
