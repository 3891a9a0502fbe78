/**
 * The agents that share the shards of a store: a list in its state, in the order in which they joined.
 *
 * Each member changes a number in its entry from time to time. An entry whose number stays the same for the lease's TTL, by the
 * monotonic clock of the agent that watches, is removed by that agent; so is one whose process has certainly ended.
 *
 * Promises: it decides nothing by itself. If two agents disagree about the members, one has too few shards for a while or
 * gives up too many, but the lease still allows only one agent to work on each.
 */
import { randomUUID } from "node:crypto";
import { StaleSettlementError, type Store } from "@chouette-iot/queue";
import type { Milliseconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import { type Holder, isGone, thisProcess } from "./holder.js";
import { HEARTBEAT_INTERVAL, TTL } from "./lease.js";

const MEMBERS = "agents";
/** Attempts to change the list if others change it at the same time. */
const MAX_ATTEMPTS = 5;

interface Member extends Holder {
  /** New with each start of an agent. */
  readonly id: string;
  readonly beat: number;
}

export interface Membership {
  readonly members: number;
  /** This agent's place among them, from 0. */
  readonly place: number;
}

interface Seen {
  readonly beat: number;
  readonly at: Milliseconds;
}

export class Members {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #id = randomUUID();
  #beat = 0;
  /** When this agent last changed its entry; undefined before the first time. */
  #beatAt: Milliseconds | undefined;
  /** By id: when the entries of others last changed. */
  #seen: ReadonlyMap<string, Seen> = new Map();

  /** @param store of the first shard */
  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Shows that this agent lives, and removes the entries of those that don't. To be called every second. Rejects if the store does. */
  async update(): Promise<Membership> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#update();
      } catch (error) {
        if (error instanceof StaleSettlementError && attempt < MAX_ATTEMPTS) continue;
        // Changes meanwhile went unseen: the TTL starts again.
        this.#seen = new Map();
        throw error;
      }
    }
  }

  /** Removes this agent's entry, so that the others take its shards. Rejects if the store does. */
  async leave(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { text, list } = await this.#read();
      const rest = list.filter(({ id }) => id !== this.#id);
      if (rest.length === list.length) return;
      try {
        await this.#write(text, rest);
        return;
      } catch (error) {
        if (!(error instanceof StaleSettlementError) || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }

  async #update(): Promise<Membership> {
    const { text, list } = await this.#read();
    const now = this.#clock.monotonic();
    this.#look(list, now);
    const living = list.filter((member) => member.id === this.#id || this.#lives(member, now));
    const isListed = living.some(({ id }) => id === this.#id);
    const isDue = this.#beatAt === undefined || now - this.#beatAt >= HEARTBEAT_INTERVAL;
    let next: readonly Member[] = living;
    if (!isListed || isDue) {
      // Counted before it is written: the answer may be lost.
      this.#beat += 1;
      const own = { id: this.#id, ...thisProcess(), beat: this.#beat };
      next = isListed ? living.map((member) => (member.id === this.#id ? own : member)) : [...living, own];
    }
    if (next !== living || living.length < list.length) {
      await this.#write(text, next);
      if (next !== living) this.#beatAt = now;
    }
    return { members: next.length, place: next.findIndex(({ id }) => id === this.#id) };
  }

  #look(list: readonly Member[], now: Milliseconds): void {
    this.#seen = new Map(
      list.map(({ id, beat }) => {
        const seen = this.#seen.get(id);
        return [id, seen?.beat === beat ? seen : { beat, at: now }];
      }),
    );
  }

  #lives(member: Member, now: Milliseconds): boolean {
    if (isGone(member)) return false;
    return now - (this.#seen.get(member.id)?.at ?? now) < TTL;
  }

  async #read(): Promise<{ readonly text: string | undefined; readonly list: readonly Member[] }> {
    const [text] = await this.#store.state([MEMBERS]);
    return { text, list: decodeMembers(text) };
  }

  #write(before: string | undefined, members: readonly Member[]): Promise<void> {
    const text = members.length === 0 ? undefined : JSON.stringify(members);
    return this.#store.settle({
      onlyWhile: new Map([[MEMBERS, before]]),
      state: new Map([[MEMBERS, text]]),
    });
  }
}

/** Without entries that no agent wrote. */
function decodeMembers(text: string | undefined): readonly Member[] {
  try {
    const list: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(list) ? list.filter(isMember) : [];
  } catch {
    return [];
  }
}

function isMember(entry: unknown): entry is Member {
  if (typeof entry !== "object" || entry === null) return false;
  return "id" in entry && typeof entry.id === "string" && "beat" in entry && typeof entry.beat === "number";
}
