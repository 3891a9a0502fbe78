/** What fails in the shards' chaos test, and in what order, all from one seed. */
import { setTimeout as sleep } from "node:timers/promises";
import { pick, type Random } from "../support/random.js";
import type { Fleet } from "./fleet.js";
import type { ShardedBroker } from "./shard-brokers.js";
import type { ShardMetrics } from "./shard-load.js";

export type Disaster =
  | { readonly kind: "kill"; readonly agent: number; readonly downMs: number }
  | { readonly kind: "end"; readonly agent: number; readonly downMs: number }
  | { readonly kind: "pause"; readonly agent: number; readonly ms: number }
  /** One agent more, or one less if it has joined before. */
  | { readonly kind: "join or leave" }
  /** To another master. */
  | { readonly kind: "move a shard"; readonly shard: number }
  | { readonly kind: "fail over"; readonly shard: number };

const MAX_DOWN_MS = 4_000;
/** Longer than a lease lasts, so that some pauses end before the shards are taken over and some after. */
const MAX_PAUSE_MS = 14_000;

/** What can fail. */
export interface ShardedScene {
  readonly fleet: Fleet;
  readonly broker: ShardedBroker;
  readonly metrics: ShardMetrics;
  /** Number of agents that don't join or leave. */
  readonly agents: number;
}

export function nextDisaster(random: Random, { agents, metrics, broker }: ShardedScene): Disaster {
  const agent = Math.floor(random() * agents);
  const shard = Math.floor(random() * metrics.shards);
  const downMs = Math.floor(random() * MAX_DOWN_MS);
  return pick<Disaster>(random, [
    [4, { kind: "kill", agent, downMs }],
    [1, { kind: "end", agent, downMs }],
    [2, { kind: "pause", agent, ms: Math.floor(random() ** 2 * MAX_PAUSE_MS) }],
    [2, { kind: "join or leave" }],
    [broker.moveShard === undefined ? 0 : 4, { kind: "move a shard", shard }],
  ]);
}

/** Resolves when what fails works again, or has left. */
export async function suffer(disaster: Disaster, { fleet, broker, agents }: ShardedScene): Promise<void> {
  switch (disaster.kind) {
    case "kill":
    case "end":
      await fleet.end(disaster.agent, disaster.kind === "kill" ? "SIGKILL" : "SIGTERM");
      await sleep(disaster.downMs);
      return fleet.start(disaster.agent);
    case "pause":
      fleet.signal(disaster.agent, "SIGSTOP");
      await sleep(disaster.ms);
      return fleet.signal(disaster.agent, "SIGCONT");
    case "join or leave":
      if (!fleet.running().includes(agents)) return fleet.start(agents);
      await fleet.end(agents, "SIGTERM");
      return;
    case "move a shard":
      await broker.moveShard?.(disaster.shard);
      return;
    case "fail over":
      return broker.failOver?.(disaster.shard);
  }
}
