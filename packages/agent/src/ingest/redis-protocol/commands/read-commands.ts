/** Commands that read the queues, for people and for tests. A queue that isn't the agent's is empty. */
import { type BrokerStore, pages } from "@chouette-iot/queue";
import { fromStoredId, fromStoredValue, toStoredId } from "../byte-text.js";
import { type Call, type CommandResult, lookup } from "../command.js";
import { failure, isFailure, list, MAX_ANSWER_LENGTH, type Reply } from "../reply.js";
import { type Bound, parseBound } from "../score.js";

/** Limit of ids in one reply: a queue may have millions. */
const MAX_RANGE = 10_000;
/** Limit of ids in one HMGET. */
const MAX_VALUES = 1_000;
/** A value is at most 2 MiB: a page isn't larger than a reply may be. */
const VALUES_PAGE = 4;
const SCORES_PAGE = 1_000;
/** An id that doesn't exist: stored ids have no control characters. */
const NO_ID = "\x01";

const TOO_LONG = failure(`ERR Chouette's broker returns at most ${MAX_RANGE} ids: request a part of them`);

/** ZCARD key */
export function zcard([, key = ""]: readonly string[], { broker }: Call): CommandResult {
  const queue = broker.keys.toRead(key, "keys");
  if (queue === undefined || isFailure(queue)) return queue ?? 0;
  return lookup((store) => store.size(queue));
}

/** HLEN key */
export function hlen([, key = ""]: readonly string[], { broker }: Call): CommandResult {
  const queue = broker.keys.toRead(key, "values");
  if (queue === undefined || isFailure(queue)) return queue ?? 0;
  return lookup((store) => store.valueCount(queue));
}

/** HGET key id */
export function hget([, key = "", id = ""]: readonly string[], { broker }: Call): CommandResult {
  const queue = broker.keys.toRead(key, "values");
  if (queue === undefined || isFailure(queue)) return queue ?? null;
  return lookup((store) => broker.scans.run(async () => (await valuesOf(store, queue, [id]))?.[0] ?? null));
}

/** HMGET key id [id …] */
export function hmget([, key = "", ...ids]: readonly string[], { broker }: Call): CommandResult {
  const queue = broker.keys.toRead(key, "values");
  if (isFailure(queue)) return queue;
  if (ids.length > MAX_VALUES)
    return failure(`ERR Chouette's broker accepts at most ${MAX_VALUES} ids in HMGET`);
  if (queue === undefined) return list(ids.map(() => null));
  return lookup((store) =>
    broker.scans.run(async () => {
      const values = await valuesOf(store, queue, ids);
      return values === undefined
        ? failure(`ERR Chouette's broker returns at most ${MAX_ANSWER_LENGTH} bytes: request fewer ids`)
        : list(values);
    }),
  );
}

/** Undefined if they are too long together. */
async function valuesOf(
  store: BrokerStore,
  queue: string,
  ids: readonly string[],
): Promise<readonly (string | null)[] | undefined> {
  const values: (string | null)[] = [];
  let length = 0;
  for (let at = 0; at < ids.length; at += VALUES_PAGE) {
    const page = ids.slice(at, at + VALUES_PAGE).map((id) => toStoredId(id) ?? NO_ID);
    for (const value of await store.values(queue, page)) {
      length += value?.length ?? 0;
      values.push(value === undefined ? null : fromStoredValue(value));
    }
    if (length > MAX_ANSWER_LENGTH) return undefined;
  }
  return values;
}

/** ZRANGE key start stop [WITHSCORES]; by rank only */
export function zrange(args: readonly string[], { broker, session }: Call): CommandResult {
  const [, key = "", first = "", last = "", ...options] = args;
  const start = parseRank(first);
  const stop = parseRank(last);
  if (start === undefined || stop === undefined)
    return failure("ERR value is not an integer or out of range");
  const withScores = options[0]?.toUpperCase() === "WITHSCORES";
  if (options.length > (withScores ? 1 : 0))
    return failure("ERR Chouette's broker supports ZRANGE only by rank, with no option but WITHSCORES");
  const queue = broker.keys.toRead(key, "keys");
  if (isFailure(queue)) return queue;
  if (queue === undefined) return list([]);
  const inPairs = session.protocol === 3;
  return lookup(async (store) => {
    if ((await lengthOf(store, queue, start, stop)) > MAX_RANGE) return TOO_LONG;
    return positionsReply(await store.range(queue, start, stop), withScores, inPairs);
  });
}

function positionsReply(
  positions: readonly { readonly id: string; readonly score: number }[],
  withScores: boolean,
  inPairs: boolean,
): Reply {
  if (!withScores) return list(positions.map(({ id }) => fromStoredId(id)));
  const pairs = positions.map(({ id, score }): Reply[] => [
    fromStoredId(id),
    { kind: "score", value: score },
  ]);
  return list(inPairs ? pairs.map(list) : pairs.flat());
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

interface ScoreRange {
  readonly min: Bound;
  readonly max: Bound;
  readonly withScores: boolean;
  /** As LIMIT gives them. */
  readonly offset: number;
  readonly count: number;
}

/** ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count] */
export function zrangebyscore(args: readonly string[], { broker, session }: Call): CommandResult {
  const [, key = "", first = "", last = "", ...options] = args;
  const min = parseBound(first);
  const max = parseBound(last);
  if (min === undefined || max === undefined) return failure("ERR min or max is not a float");
  const parsed = scoreRangeOptions(options);
  if (parsed === undefined) return failure("ERR syntax error");
  const queue = broker.keys.toRead(key, "keys");
  if (isFailure(queue)) return queue;
  if (queue === undefined) return list([]);
  const inPairs = session.protocol === 3;
  return lookup((store) =>
    broker.scans.run(() => withinScores(store, queue, { min, max, ...parsed }, inPairs)),
  );
}

type ScoreRangeOptions = Pick<ScoreRange, "withScores" | "offset" | "count">;

const NO_OPTIONS: ScoreRangeOptions = { withScores: false, offset: 0, count: Number.POSITIVE_INFINITY };

/** Undefined for a syntax error. Of options that are repeated, the last one counts. */
function scoreRangeOptions(options: readonly string[], before = NO_OPTIONS): ScoreRangeOptions | undefined {
  const [option, first = "", second = ""] = options;
  if (option === undefined) return before;
  if (option.toUpperCase() === "WITHSCORES")
    return scoreRangeOptions(options.slice(1), { ...before, withScores: true });
  const offset = parseRank(first);
  const count = parseRank(second);
  if (option.toUpperCase() !== "LIMIT" || offset === undefined || count === undefined) return undefined;
  const limited = { ...before, offset, count: count < 0 ? Number.POSITIVE_INFINITY : count };
  return scoreRangeOptions(options.slice(3), limited);
}

async function withinScores(
  store: BrokerStore,
  queue: string,
  { min, max, withScores, offset, count }: ScoreRange,
  inPairs: boolean,
): Promise<Reply> {
  const found: { id: string; score: number }[] = [];
  const isBefore = (score: number) => (min.isExclusive ? score <= min.score : score < min.score);
  const isAfter = (score: number) => (max.isExclusive ? score >= max.score : score > max.score);
  // No id is empty: this position is before all records of its score.
  const after = min.score === -Infinity ? undefined : { score: min.score, id: "" };
  let toSkip = offset;
  if (offset < 0 || count <= 0) return positionsReply(found, withScores, inPairs);
  for await (const page of pages(store, queue, { after, limit: SCORES_PAGE })) {
    for (const { id, score } of page) {
      if (isAfter(score)) return positionsReply(found, withScores, inPairs);
      if (isBefore(score) || toSkip-- > 0) continue;
      if (found.length >= count) break;
      if (found.length === MAX_RANGE) return TOO_LONG;
      found.push({ id, score });
    }
    if (found.length >= count) break;
    // Other work gets its turn between two pages.
    await new Promise(setImmediate);
  }
  return positionsReply(found, withScores, inPairs);
}
