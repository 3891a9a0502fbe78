/**
 * The lease: decides which of several agents on one store works.
 *
 * It is two keys of the store's state. One has the holder and a token. Every settlement of the holder depends on that key
 * (`onlyWhile`), and taking the lease writes a new token: from then on no settlement of the former holder can be applied,
 * even if it is already on its way. The other key is the heartbeat of the holder.
 *
 * Promises: an agent that takes the lease again learns whether another agent can have held it in between. If so, or if
 * that isn't certain, nothing that it remembers of the store is valid.
 *
 * Clocks of different hosts are never compared: a lease has expired if neither key has changed for {@link TTL} by the
 * monotonic clock of the agent that watches it.
 */
import { randomUUID } from "node:crypto";
import { StaleSettlementError, type Store } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import { type Holder, isGone, thisProcess } from "./holder.js";

/** Not shorter: a device's Redis may write each heartbeat to flash. */
export const HEARTBEAT_INTERVAL = milliseconds(2_000);
/** Two heartbeats may be lost. With the time between two attempts, a dead holder is replaced within 8 seconds. */
export const TTL = milliseconds(6_500);

const LEASE = "agent:lease";
const BEAT = "agent:lease:beat";

/** The content of the lease's key. */
interface Held extends Holder {
  /** Id of an agent, new with each start. */
  readonly agent: string;
  readonly token: string;
}

interface Look {
  readonly text: string | undefined;
  readonly beat: string | undefined;
  readonly at: Milliseconds;
}

export type LeaseAttempt =
  | {
      readonly kind: "held";
      /** Whether nobody else can have held it since this agent last took it: then what it remembers is valid. */
      readonly isUnbroken: boolean;
    }
  /** Free or expired, but this agent may not take it. */
  | { readonly kind: "free" }
  /** The holder is undefined if another agent was taking it at the same moment. */
  | { readonly kind: "another's"; readonly holder: Holder | undefined };

export class Lease {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #holder = { agent: randomUUID(), ...thisProcess() };
  #text: string | undefined;
  /**
   * Texts that the key can have if nobody else has held the lease since this agent took it: the text of that time, and
   * those of later attempts, whose answers may have been lost. Not older texts of this agent: a server that has one
   * has come back with older data.
   */
  #unbroken: Set<string> = new Set();
  #heartbeats = 0;
  /** When the other agent's lease last changed, and to what. */
  #seen: Look | undefined;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The condition of every settlement under this lease. */
  get fence(): ReadonlyMap<string, string | undefined> {
    return new Map([[LEASE, this.#text ?? "not taken"]]);
  }

  /**
   * Takes the lease if it is free, has expired or is this agent's own. Its token is new, so settlements that were sent
   * under the one before can't be applied any more. Rejects if the store does.
   *
   * @param mayTake called if it could be taken: whether it is
   */
  async take(mayTake: () => boolean = () => true): Promise<LeaseAttempt> {
    const look = await this.#look();
    const held = heldBy(look.text);
    if (held !== undefined && !this.#isFree(held, look)) return { kind: "another's", holder: held };
    if (!mayTake()) return { kind: "free" };
    const text = JSON.stringify({ ...this.#holder, token: randomUUID() });
    const isUnbroken = look.text !== undefined && this.#unbroken.has(look.text);
    if (isUnbroken) this.#unbroken.add(text);
    const onlyWhile = new Map([
      [LEASE, look.text],
      [BEAT, look.beat],
    ]);
    const state = new Map([
      [LEASE, text],
      [BEAT, "0"],
    ]);
    try {
      await this.#store.settle({ onlyWhile, state });
    } catch (error) {
      // Another agent was faster, or the holder lives: the next attempt shows it.
      if (error instanceof StaleSettlementError) return { kind: "another's", holder: held };
      throw error;
    }
    this.#text = text;
    this.#unbroken = new Set([text]);
    this.#heartbeats = 0;
    this.#seen = undefined;
    return { kind: "held", isUnbroken };
  }

  /** Shows other agents that the holder lives. Rejects with a StaleSettlementError if the lease is another agent's. */
  async heartbeat(): Promise<void> {
    this.#heartbeats += 1;
    await this.#store.settle({ onlyWhile: this.fence, state: new Map([[BEAT, `${this.#heartbeats}`]]) });
  }

  /** Frees the lease for the next agent, unless another one has it already. */
  async release(): Promise<void> {
    const state = new Map([
      [LEASE, undefined],
      [BEAT, undefined],
    ]);
    await this.#store.settle({ onlyWhile: this.fence, state }).catch((error) => {
      if (!(error instanceof StaleSettlementError)) throw error;
    });
  }

  async #look(): Promise<Look> {
    try {
      const [text, beat] = await this.#store.state([LEASE, BEAT]);
      return { text, beat, at: this.#clock.monotonic() };
    } catch (error) {
      // Changes meanwhile went unseen: the TTL starts again.
      this.#seen = undefined;
      throw error;
    }
  }

  #isFree(held: Held, look: Look): boolean {
    if (held.agent === this.#holder.agent || isGone(held)) return true;
    if (this.#seen?.text !== look.text || this.#seen?.beat !== look.beat) this.#seen = look;
    return look.at - (this.#seen?.at ?? look.at) >= TTL;
  }
}

/** The agent that holds the lease of a store, or held it last; undefined if it is free. Rejects if the store does. */
export async function leaseHolder(store: Pick<Store, "state">): Promise<Holder | undefined> {
  const [text] = await store.state([LEASE]);
  return heldBy(text);
}

/** Undefined if the lease is free, or if no agent wrote the text. */
function heldBy(text: string | undefined): Held | undefined {
  if (text === undefined) return undefined;
  try {
    const held: unknown = JSON.parse(text);
    return typeof held === "object" && held !== null && "agent" in held ? (held as Held) : undefined;
  } catch {
    return undefined;
  }
}
