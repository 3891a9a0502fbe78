/**
 * Logs how many records were dropped and why, at most once a minute.
 *
 * Promises: it reads the store's counters, so it misses no kind of loss. The reasons are those of new dead letters, up to
 * 1,000 of them. Losses while the store doesn't answer are in the next line.
 */
import { counterName, type Position, type QueueNames, type Store } from "@chouette-iot/queue";
import { decodeRejected, milliseconds, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import type { Log } from "../runtime/log.js";
import { redact } from "../runtime/redact.js";

export interface DropLogOptions {
  readonly store: Store;
  readonly queues: QueueNames;
  readonly clock: Clock;
  readonly log: Log;
}

const INTERVAL = milliseconds(60_000);
const MAX_DEAD_LETTERS = 1_000;
const MAX_REASONS = 5;
/** Counters that are no loss, or a loss that somebody asked for. */
const DONE = [
  ...(["accepted", "aggregated", "routed", "delivered", "thinned", "requeued", "superseded"] as const),
  ...(["purged", "filtered"] as const),
];

/** Resolves when the signal is aborted. Never rejects. */
export async function runDropLog(options: DropLogOptions, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  let before = await dropCounters(options).catch(() => undefined);
  let seen: Position = { score: toSeconds(clock.now()), id: "" };
  for (;;) {
    await clock.sleep(INTERVAL, signal);
    if (signal.aborted) return;
    try {
      const now = await dropCounters(options);
      const dropped = increments(before ?? now, now);
      before = now;
      if (dropped.size === 0) continue;
      const { reasons, last } = await rejectionsAfter(seen, options);
      seen = last;
      log.warn(
        { dropped: Object.fromEntries(dropped), reasons: Object.fromEntries(reasons) },
        "records dropped",
      );
    } catch {
      // The other loops report the store's outage.
    }
  }
}

async function dropCounters({ store, queues }: DropLogOptions): Promise<ReadonlyMap<string, number>> {
  const done = new Set(Object.values(queues).flatMap((queue) => DONE.map((way) => counterName(queue, way))));
  const prefixes = Object.values(queues).map((queue) =>
    counterName(queue, "accepted").slice(0, -"accepted".length),
  );
  const counters = [...(await store.counters())].filter(
    ([name]) => !done.has(name) && prefixes.some((prefix) => name.startsWith(prefix)),
  );
  return new Map(counters);
}

function increments(
  before: ReadonlyMap<string, number>,
  now: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const grown = [...now].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
  return new Map(grown.filter(([, count]) => count > 0));
}

/** How often each reason occurs, the commonest first. */
async function rejectionsAfter(
  after: Position,
  { store, queues }: DropLogOptions,
): Promise<{ readonly reasons: ReadonlyMap<string, number>; readonly last: Position }> {
  const letters = await store.read(queues.rejected, { after, limit: MAX_DEAD_LETTERS });
  const counts = new Map<string, number>();
  for (const { value } of letters) {
    const reason = redact(decodeRejected(value ?? "")?.reason ?? "unknown", []);
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const commonest = [...counts].sort(([, a], [, b]) => b - a).slice(0, MAX_REASONS);
  return { reasons: new Map(commonest), last: letters.at(-1) ?? after };
}
