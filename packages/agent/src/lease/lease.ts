/**
 * The lease: of several agents on one store, the one that works.
 *
 * It is two keys of the store's state. One has the holder and a token, and every settlement of the holder depends on it
 * (`onlyWhile`): anyone who takes the lease writes another token, and from that step on nothing of the former holder
 * can be applied, whatever it believes and whatever of it is still on its way. The other is a beat, so that
 * others see that the holder lives.
 *
 * Promises: anyone who takes it again learns whether anybody else can have held it meanwhile. If so, or if that isn't
 * certain, nothing that it remembers of the store holds any more.
 *
 * No clock is compared with another's: a lease has expired when nothing of it has changed for {@link TTL} by the
 * monotonic clock of anyone who watches it.
 */
import { randomUUID } from "node:crypto";
import { StaleSettlementError, type Store } from "@chouette-iot/queue";
import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import { type Holder, isGone, thisProcess } from "./holder.js";

/** Kept small: a device's Redis may write each beat to flash. */
export const BEAT_INTERVAL = milliseconds(2_000);
/** Two beats may be lost. With the time between two looks, a dead holder is followed within 8 seconds. */
export const TTL = milliseconds(6_500);

const LEASE = "agent:lease";
const BEAT = "agent:lease:beat";

/** What the lease's state says. */
interface Held extends Holder {
  /** Of one agent from its start to its end. */
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
      /** Whether nobody else can have held it since this agent last took it: what it remembers still holds. */
      readonly isUnbroken: boolean;
    }
  /** The holder is undefined if another agent was taking it at the same moment. */
  | { readonly kind: "another's"; readonly holder: Holder | undefined };

export class Lease {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #holder = { agent: randomUUID(), ...thisProcess() };
  #text: string | undefined;
  /**
   * Texts that it can have if nobody else has held the lease since it was last taken: the text of then, and
   * those of later attempts, whose answers may have been lost. An older text of this agent's is not among them: a
   * server that has it is back with older data.
   */
  #unbroken: Set<string> = new Set();
  #beats = 0;
  /** The last look at another's lease that differed from the one before. */
  #seen: Look | undefined;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** What a settlement under this lease depends on. */
  get fence(): ReadonlyMap<string, string | undefined> {
    return new Map([[LEASE, this.#text ?? "not taken"]]);
  }

  /**
   * Takes the lease if it is free, has run out or is this agent's own; then with a new token, so that what
   * was sent under the one before can't be applied any more.
   */
  async take(): Promise<LeaseAttempt> {
    const look = await this.#look();
    const held = heldBy(look.text);
    if (held !== undefined && !this.#isFree(held, look)) return { kind: "another's", holder: held };
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
      // Another was faster, or its holder lives: the next look says so.
      if (error instanceof StaleSettlementError) return { kind: "another's", holder: held };
      throw error;
    }
    this.#text = text;
    this.#unbroken = new Set([text]);
    this.#beats = 0;
    this.#seen = undefined;
    return { kind: "held", isUnbroken };
  }

  /** Shows others that the holder lives. */
  async beat(): Promise<void> {
    this.#beats += 1;
    await this.#store.settle({ onlyWhile: this.fence, state: new Map([[BEAT, `${this.#beats}`]]) });
  }

  /** Leaves it free for the next; where it is another's by now, nothing happens. */
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
      // What happened meanwhile was not seen.
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

/** A text that no agent wrote is nobody's lease. */
function heldBy(text: string | undefined): Held | undefined {
  if (text === undefined) return undefined;
  try {
    const held: unknown = JSON.parse(text);
    return typeof held === "object" && held !== null && "agent" in held ? (held as Held) : undefined;
  } catch {
    return undefined;
  }
}
