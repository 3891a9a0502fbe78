/** Sums of the shards' queues and bytes, as those of one store. Without shards, there is one summand. */
import { type QueueNames, queueNames } from "@chouette-iot/queue";
import type { RecentBodyBytes, RecentWireUse } from "../dispatch/sent-bytes.js";
import type { WireUse } from "../dispatch/wire-counts.js";
import type { Ledger } from "./ledger.js";
import type { QueueStatus } from "./queues.js";

const NAMES = queueNames();
/** How the names of queues end, whatever their namespace. */
const ENDS = Object.entries(queueNames("")) as readonly [keyof QueueNames, string][];

/** Which queue this is, of any shard; undefined if it is none. */
export function queueKind(name: string): keyof QueueNames | undefined {
  return ENDS.find(([, end]) => name.endsWith(end))?.[0];
}

/** The name that a queue of a shard has without shards. */
export function plainName(name: string): string {
  const kind = queueKind(name);
  return kind === undefined ? name : NAMES[kind];
}

export function sumOfQueues(shards: readonly (readonly QueueStatus[])[]): readonly QueueStatus[] {
  const [only = [], ...others] = shards;
  if (others.length === 0) return only;
  const sums = new Map<string, QueueStatus>();
  for (const queue of shards.flat()) {
    const name = plainName(queue.name);
    const before = sums.get(name);
    sums.set(name, before === undefined ? { ...queue, name } : sumOf(before, queue));
  }
  return [...sums.values()];
}

function sumOf(a: QueueStatus, b: QueueStatus): QueueStatus {
  const ages = [a, b].flatMap(({ oldestAge }) => oldestAge ?? []);
  const [oldest] = ages.sort((one, other) => other - one);
  return { name: a.name, ledger: sumOfLedgers(a.ledger, b.ledger), oldestAge: oldest };
}

function sumOfLedgers(a: Ledger, b: Ledger): Ledger {
  return {
    accepted: a.accepted + b.accepted,
    done: sumOfCounts(a.done, b.done),
    pending: a.pending + b.pending,
    dropped: sumOfCounts(a.dropped, b.dropped),
    missing: a.missing + b.missing,
    unknownLosses: a.unknownLosses + b.unknownLosses,
  };
}

function sumOfCounts(a: Ledger["done"], b: Ledger["done"]): Readonly<Record<string, number>> {
  const sums = { ...a };
  for (const [name, count] of Object.entries(b)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

export function sumOfBodyBytes(shards: readonly RecentBodyBytes[]): RecentBodyBytes {
  return shards.reduce((sum, { today, month }) => ({ today: sum.today + today, month: sum.month + month }), {
    today: 0,
    month: 0,
  });
}

export function sumOfWireUse(shards: readonly RecentWireUse[]): RecentWireUse {
  return {
    today: joined(shards.map(({ today }) => today)),
    month: joined(shards.map(({ month }) => month)),
  };
}

function joined(shards: readonly (readonly WireUse[])[]): readonly WireUse[] {
  const uses = new Map<string, WireUse>();
  for (const use of shards.flat()) {
    const key = `${use.destination} ${use.purpose}`;
    const { sent, received } = uses.get(key) ?? { sent: 0, received: 0 };
    uses.set(key, { ...use, sent: sent + use.sent, received: received + use.received });
  }
  return [...uses.values()];
}
