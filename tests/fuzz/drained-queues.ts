/**
 * Waits until the agent has emptied all queues.
 *
 * A raw record from the future, by its score or its own time, may stay until that time, or for ten minutes after the
 * agent's start, since the agent's clock may be behind.
 */
import { queueNames } from "@chouette-iot/queue";
import { MAX_LEAD } from "../../packages/agent/src/flush/implausible-timestamps.js";
import { ask, bulksOf, requestOf } from "../support/raw-redis.js";
import { until } from "../support/until.js";

export const DRAINED_WITHIN_MS = 120_000;
/** An orphan becomes a dead letter when it is found a second time, up to a minute later. */
const ORPHANS_WITHIN_MS = 150_000;
/** Maximum number of pending raw records that are checked one by one. */
const MAX_WAITING = 500;
const MAX_SHOWN = 5;
const SAYING_MS = 30_000;

/**
 * Resolves with the records that don't leave their queues, as JSON, or undefined if all have left.
 * @param withOrphans whether to wait for orphans as well: the agent looks for them once a minute
 */
export async function untilDrained(
  port: number,
  { withOrphans, say }: { readonly withOrphans: boolean; readonly say: (line: string) => void },
): Promise<string | undefined> {
  const { rawMetrics, readyMetrics, logs, sketches, events, checks } = queueNames();
  const others = [readyMetrics, logs, sketches, events, checks];
  const count = async (...command: readonly string[]) =>
    Number(/^[*:](\d+)/.exec(await ask(port, requestOf(command)))?.[1]);
  let left = {};
  const isDrained = async () => {
    const [raw = 0, ...ready] = await Promise.all(
      [rawMetrics, ...others].map((queue) => count("ZCARD", `${queue}.keys`)),
    );
    const stuck = raw > MAX_WAITING ? [`${raw} records`] : await presentRecords(port);
    const [rawValues = 0, ...orphans] = await Promise.all(
      (withOrphans ? [rawMetrics, ...others] : [rawMetrics]).map((queue) => count("HLEN", `${queue}.values`)),
    );
    left = { raw, ready, rawValues, orphans, stuck: stuck.slice(0, MAX_SHOWN) };
    return [...ready, stuck.length, rawValues - raw, ...orphans].every((each) => each === 0);
  };
  const saying = setInterval(() => say(`still there: ${JSON.stringify(left)}`), SAYING_MS);
  const within = DRAINED_WITHIN_MS + (withOrphans ? ORPHANS_WITHIN_MS : 0);
  return until("the queues to drain", isDrained, within)
    .then(
      () => undefined,
      () => JSON.stringify(left),
    )
    .finally(() => clearInterval(saying));
}

/** The raw records that aren't from the future, one line each: they should have left. */
async function presentRecords(port: number): Promise<readonly string[]> {
  const { rawMetrics } = queueNames();
  const bulks = async (...command: readonly string[]) =>
    bulksOf(await ask(port, requestOf(command.map((arg) => Buffer.from(arg, "latin1"))), "latin1"));
  const placed = await bulks("ZRANGE", `${rawMetrics}.keys`, "0", "-1", "WITHSCORES");
  const ids = placed.filter((_, index) => index % 2 === 0);
  if (ids.length === 0) return [];
  const values = await bulks("HMGET", `${rawMetrics}.values`, ...ids);
  const now = Date.now() / 1000;
  return ids.flatMap((id, index) => {
    const [score = "", value = ""] = [placed[2 * index + 1], values[index]];
    const isAhead = redisNumber(score) > now || ownTime(value) > now + MAX_LEAD;
    return isAhead ? [] : [`${JSON.stringify(id)} at ${score}: ${value.slice(0, 200)}`];
  });
}

function redisNumber(score: string): number {
  return score === "inf" ? Number.POSITIVE_INFINITY : Number(score);
}

/** NaN if the value has no time or can't be read. */
function ownTime(value: string): number {
  try {
    const { timestamp } = JSON.parse(Buffer.from(value, "latin1").toString()) as { timestamp?: unknown };
    const time = Number(timestamp);
    return Number.isFinite(time) ? time : Number.NaN;
  } catch {
    return Number.NaN;
  }
}
