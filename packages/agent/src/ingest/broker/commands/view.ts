/** Commands that show what is there, for people and for tests. */
import type { BrokerStore } from "@chouette-iot/queue";
import { type Call, lookup, type Result } from "../command.js";
import { failure, list, type Reply } from "../reply.js";

/** The most ids in one answer: a queue may hold millions. */
const LONGEST_RANGE = 10_000;

/** ZCARD key */
export function zcard([, key = ""]: readonly string[], { broker }: Call): Result {
  const queue = broker.keys.queueOf(key, "keys");
  return typeof queue === "string" ? lookup((store) => store.size(queue)) : queue;
}

/** HLEN key */
export function hlen([, key = ""]: readonly string[], { broker }: Call): Result {
  const queue = broker.keys.queueOf(key, "values");
  return typeof queue === "string" ? lookup((store) => store.valueCount(queue)) : queue;
}

/** HGET key id */
export function hget([, key = "", id = ""]: readonly string[], { broker }: Call): Result {
  const queue = broker.keys.queueOf(key, "values");
  if (typeof queue !== "string") return queue;
  return lookup(async (store) => (await store.values(queue, [id]))[0] ?? null);
}

/** HMGET key id [id …] */
export function hmget([, key = "", ...ids]: readonly string[], { broker }: Call): Result {
  const queue = broker.keys.queueOf(key, "values");
  if (typeof queue !== "string") return queue;
  return lookup(async (store) => list((await store.values(queue, ids)).map((value) => value ?? null)));
}

/** ZRANGE key start stop [WITHSCORES]; by rank only */
export function zrange(args: readonly string[], { broker, session }: Call): Result {
  const [, key = "", first = "", last = "", ...options] = args;
  const queue = broker.keys.queueOf(key, "keys");
  if (typeof queue !== "string") return queue;
  const start = parseRank(first);
  const stop = parseRank(last);
  if (start === undefined || stop === undefined)
    return failure("ERR value is not an integer or out of range");
  const withScores = options[0]?.toUpperCase() === "WITHSCORES";
  if (options.length > (withScores ? 1 : 0))
    return failure("ERR Chouette's broker takes ZRANGE by rank, with no option but WITHSCORES");
  const inPairs = session.protocol === 3;
  return lookup(async (store) => {
    if ((await lengthOf(store, queue, start, stop)) > LONGEST_RANGE)
      return failure(
        `ERR Chouette's broker answers with at most ${LONGEST_RANGE} ids: ask for a part of them`,
      );
    const positions = await store.range(queue, start, stop);
    if (!withScores) return list(positions.map(({ id }) => id));
    const pairs = positions.map(({ id, score }): Reply[] => [id, { kind: "score", value: score }]);
    return list(inPairs ? pairs.map(list) : pairs.flat());
  });
}

function parseRank(text: string): number | undefined {
  const rank = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(rank) ? rank : undefined;
}

async function lengthOf(store: BrokerStore, queue: string, start: number, stop: number): Promise<number> {
  const size = await store.size(queue);
  const first = start < 0 ? Math.max(0, size + start) : start;
  const last = Math.min(size - 1, stop < 0 ? size + stop : stop);
  return last - first + 1;
}
