/**
 * The bytes that were sent per day and per month (UTC): of bodies, and in total on the wire.
 *
 * Promises: the counts are kept in the store and change in the settlement of what was sent, so they survive restarts.
 * Failed attempts count, too: they used the link. What it loses: the bytes of one attempt if the agent crashes between
 * sending and settling, and those of closing the connections when it stops.
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

/** How many days and months are kept. */
const DAYS = 31;
const MONTHS = 12;
const DAY = /^\d{4}-\d\d-\d\d$/;

/** The keys are `chouette:sent:2026-11-22` and `chouette:sent:2026-11`; the values are bytes of bodies, in decimal. */
export const SENT_BYTES_STATE = `${NAMESPACE}:sent:`;

/** Bytes of bodies sent this day and this month (UTC). */
export interface RecentBodyBytes {
  readonly today: number;
  readonly month: number;
}

/** Bytes on the wire this day and this month (UTC). */
export interface RecentWireUse {
  readonly today: readonly WireUse[];
  readonly month: readonly WireUse[];
}

/** Read from the store, so that an agent without the lease knows it, too. Rejects if the store does. */
export async function readRecentBodyBytes(store: Store, clock: Clock): Promise<RecentBodyBytes> {
  const texts = await store.state(periodsOf(clock.now()).map((period) => SENT_BYTES_STATE + period));
  const [today = 0, month = 0] = texts.map((text) => Number(text ?? 0) || 0);
  return { today, month };
}

/** Read from the store as well. Rejects if the store does. */
export async function readRecentWireUse(store: Store, clock: Clock): Promise<RecentWireUse> {
  const texts = await store.state(periodsOf(clock.now()).map((period) => WIRE_STATE + period));
  const [today = [], month = []] = texts.map((text) => wireUses(parseWireCounts(text)));
  return { today, month };
}

/** One day or month. */
interface Period {
  bodies: number;
  readonly wire: Map<string, WireBytes>;
}

export class SentBytes {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #meter: WireMeter;
  /** By the name of the day or month; undefined until they are loaded. */
  #periods: Map<string, Period> | undefined;

  /** @param meter counts bytes on the wire; nobody else may take its counts */
  constructor(store: Store, clock: Clock, meter = new WireMeter()) {
    this.#store = store;
    this.#clock = clock;
    this.#meter = meter;
  }

  /** Reads the counts of earlier runs, once. Rejects if the store does. */
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

  /** Bytes that count against the daily budget: everything on the wire, in both directions. */
  today(): number {
    return this.#used(periodsOf(this.#clock.now())[0]);
  }

  /** Likewise for the monthly budget. */
  month(): number {
    return this.#used(periodsOf(this.#clock.now())[1]);
  }

  /**
   * Counts bytes of bodies that were sent, and the bytes on the wire since the last call. Returns the state to be written with
   * the settlement of what was sent; empty if nothing changed. If the settlement fails, the next call's state includes it.
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

  /** Versions before this one counted only bodies. */
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
