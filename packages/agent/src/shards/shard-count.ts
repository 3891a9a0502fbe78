/**
 * The number of shards. Each shard stores a copy, since shards of a Cluster may be on different nodes; the copy in the first
 * shard is authoritative.
 *
 * With another number, a program would map a metric to another shard. So an agent uses the stored number, and reports if
 * CHOUETTE_SHARDS differs.
 */
import { StoreError } from "@chouette-iot/queue";
import type { RedisStore } from "@chouette-iot/queue/redis";
import { POLL_INTERVAL } from "../lease/leader.js";
import type { Clock } from "../runtime/clock.js";
import type { Outage } from "../runtime/outage.js";

/** A shard, as far as its number is concerned. */
export type ShardCountStore = Pick<RedisStore, "shards" | "replaceShards">;

export class ShardCount {
  readonly #wanted: number;
  readonly #outage: Outage;
  #number: number | undefined;
  /** Each writes the number to a shard that this agent works on. */
  readonly #writers = new Set<() => Promise<void>>();

  /** @param wanted CHOUETTE_SHARDS @param outage on while the stored number is another one */
  constructor(wanted: number, outage: Outage) {
    this.#wanted = wanted;
    this.#outage = outage;
  }

  /** The number in use; undefined until it is known. */
  get current(): number | undefined {
    return this.#number;
  }

  /** Whether the stored number will be raised to CHOUETTE_SHARDS: until then, records of other clients wait. */
  get isGrowing(): boolean {
    return this.#number === undefined || this.#number < this.#wanted;
  }

  /** Why records of this agent, as a client, can't be stored; undefined if they can. */
  get refusal(): string | undefined {
    if (this.#number === undefined) return "the number of shards isn't known yet";
    return this.#number === this.#wanted
      ? undefined
      : `the broker has ${this.#number} shards, this agent ${this.#wanted} (CHOUETTE_SHARDS)`;
  }

  /** The number in use, as the first shard has it now. It is written there if there is none. Rejects if the store does. */
  async update(first: ShardCountStore): Promise<number> {
    const known = this.#number;
    let stored = await first.shards();
    // The server may have come back with older data: shards that are in use may have records.
    if (stored === undefined || (known !== undefined && stored < known)) {
      await first.replaceShards(stored, known ?? this.#wanted);
      stored = await first.shards();
    }
    if (stored === undefined) throw new StoreError("the number of shards can't be stored");
    this.#number = Math.max(stored, known ?? 0);
    // A shard that was taken while another agent raised the number may have been given the old one.
    if (known !== undefined && known !== this.#number) for (const write of this.#writers) void write();
    const { refusal } = this;
    if (refusal === undefined) this.#outage.end();
    else
      this.#outage.begin(
        this.isGrowing ? `${refusal}; the number is raised once the raw queues are empty` : refusal,
      );
    return this.#number;
  }

  /** Writes the number to a shard, as soon as the store allows, and again when it is raised. Never rejects. */
  writeTo(shard: ShardCountStore, clock: Clock, signal: AbortSignal): void {
    const write = async () => {
      while (!signal.aborted) {
        try {
          const stored = await shard.shards();
          if (stored === this.#number || (await shard.replaceShards(stored, this.#number ?? this.#wanted)))
            return;
        } catch {
          // The lease's loop reports the outage.
        }
        await clock.sleep(POLL_INTERVAL, signal);
      }
    };
    this.#writers.add(write);
    signal.addEventListener("abort", () => this.#writers.delete(write), { once: true });
    void write();
  }
}
