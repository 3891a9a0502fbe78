/**
 * The count of bytes that were sent, per day and per month of UTC: of bodies, and of all that was on the wire.
 *
 * Promises: it is in the store's state and changes in the settlement of what was sent, so that it outlasts
 * restarts. Bytes of attempts that failed count too: the link was used. What is lost: the bytes of one attempt,
 * if the agent ends between sending and settling, and those of closing the connections at its end.
 */
import { NAMESPACE, type Store } from "@chouette-iot/queue";
import type { Milliseconds } from "@chouette-iot/record";
import { type WireBytes, WireMeter } from "../outputs/wire-meter.js";
import type { Clock } from "../runtime/clock.js";
import {
  addWireCounts,
  formatWireCounts,
  parseWireCounts,
  sumOfWire,
  WIRE_STATE,
  type WireUse,
  wireUses,
} from "./wire-counts.js";

/** How many days, and how many months, are remembered. */
const DAYS = 31;
const MONTHS = 12;
const DAY = /^\d{4}-\d\d-\d\d$/;

/** `chouette:sent:2026-11-22` and `chouette:sent:2026-11`: bytes of bodies, in decimal. */
export const SENT_BYTES_STATE = `${NAMESPACE}:sent:`;

/** In bytes of bodies, of this day and this month of UTC. */
export interface RecentBodyBytes {
  readonly today: number;
  readonly month: number;
}

/** On the wire, this day and this month of UTC. */
export interface RecentWireUse {
  readonly today: readonly WireUse[];
  readonly month: readonly WireUse[];
}

/** By the word of the store, so that an agent that stands by knows it as well. Rejects if the store does. */
export async function readRecentBodyBytes(store: Store, clock: Clock): Promise<RecentBodyBytes> {
  const texts = await store.state(periodsOf(clock.now()).map((period) => SENT_BYTES_STATE + period));
  const [today = 0, month = 0] = texts.map((text) => Number(text ?? 0) || 0);
  return { today, month };
}

/** Likewise. */
export async function readRecentWireUse(store: Store, clock: Clock): Promise<RecentWireUse> {
  const texts = await store.state(periodsOf(clock.now()).map((period) => WIRE_STATE + period));
  const [today = [], month = []] = texts.map((text) => wireUses(parseWireCounts(text)));
  return { today, month };
}

/** Of one day or month. */
interface Period {
  bodies: number;
  readonly wire: Map<string, WireBytes>;
}

export class SentBytes {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #meter: WireMeter;
  /** By day and by month; undefined until they are read. */
  #periods: Map<string, Period> | undefined;

  /** @param meter counts what is on the wire; taken from here alone */
  constructor(store: Store, clock: Clock, meter = new WireMeter()) {
    this.#store = store;
    this.#clock = clock;
    this.#meter = meter;
  }

  /** Reads what earlier runs sent, once. Rejects if the store does. */
  async load(): Promise<void> {
    if (this.#periods !== undefined) return;
    const [bodies, wire] = await Promise.all(
      [SENT_BYTES_STATE, WIRE_STATE].map((prefix) => this.#store.stateWithPrefix(prefix)),
    );
    const periods = new Map<string, Period>();
    for (const [key, text] of bodies ?? [])
      periodIn(periods, key.slice(SENT_BYTES_STATE.length)).bodies = Number(text) || 0;
    for (const [key, text] of wire ?? [])
      addWireCounts(periodIn(periods, key.slice(WIRE_STATE.length)).wire, parseWireCounts(text));
    this.#periods ??= periods;
  }

  /** What counts against a budget: all on the wire, both ways, as far as it was counted. */
  today(): number {
    return this.#used(periodsOf(this.#clock.now())[0]);
  }

  /** Likewise. */
  month(): number {
    return this.#used(periodsOf(this.#clock.now())[1]);
  }

  /**
   * Counts bytes of bodies that were sent, and what was on the wire since the last call. Answers with the state that says so, to
   * be written with the settlement of what was sent; empty if there is nothing new. Where that fails, the next one has them in it.
   */
  add(bytes: number): ReadonlyMap<string, string | undefined> {
    this.#periods ??= new Map();
    const periods = this.#periods;
    const wire = this.#meter.take();
    const state = new Map<string, string | undefined>();
    if (bytes === 0 && wire.size === 0) return state;
    for (const name of periodsOf(this.#clock.now())) {
      const period = periodIn(periods, name);
      period.bodies += bytes;
      addWireCounts(period.wire, wire);
      state.set(SENT_BYTES_STATE + name, `${period.bodies}`);
      if (period.wire.size > 0) state.set(WIRE_STATE + name, formatWireCounts(period.wire));
    }
    for (const name of this.#outdated(periods)) {
      periods.delete(name);
      for (const prefix of [SENT_BYTES_STATE, WIRE_STATE]) state.set(prefix + name, undefined);
    }
    return state;
  }

  /** Those of an agent before this count had only bodies. */
  #used(name: string): number {
    const period = this.#periods?.get(name);
    return period === undefined ? 0 : Math.max(period.bodies, sumOfWire(period.wire.values()));
  }

  #outdated(counted: ReadonlyMap<string, unknown>): readonly string[] {
    const periods = [...counted.keys()].sort();
    const days = periods.filter((period) => DAY.test(period));
    const months = periods.filter((period) => !DAY.test(period));
    return [...days.slice(0, -DAYS), ...months.slice(0, -MONTHS)];
  }
}

function periodIn(periods: Map<string, Period>, name: string): Period {
  const period = periods.get(name) ?? { bodies: 0, wire: new Map() };
  periods.set(name, period);
  return period;
}

/** Such as 2026-11-22 and 2026-11. */
function periodsOf(time: Milliseconds): readonly [day: string, month: string] {
  const text = new Date(time).toISOString();
  return [text.slice(0, 10), text.slice(0, 7)];
}
