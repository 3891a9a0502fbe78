/**
 * The count of bytes that were sent, per day and per month of UTC, headers and TLS aside.
 *
 * Promises: it lies in the store's notes and changes in the settlement of what was sent, so that it outlasts
 * restarts. Bytes of attempts that failed count too: the link was used. What is lost: the bytes of one attempt,
 * where the agent ends between sending and settling.
 */
import { NAMESPACE, type Store } from "@chouette-iot/queue";
import type { Milliseconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";

/** How many days, and how many months, are remembered. */
const DAYS = 31;
const MONTHS = 12;
const DAY = /^\d{4}-\d\d-\d\d$/;

/** `chouette:sent:2026-11-22` and `chouette:sent:2026-11`: bytes, in decimal. */
export const SENT_BYTES_NOTES = `${NAMESPACE}:sent:`;

/** In bytes, of this day and this month of UTC. */
export interface SentOfLate {
  readonly today: number;
  readonly month: number;
}

/** By the word of the store, so that an agent that stands by knows it as well. Rejects where the store does. */
export async function readSentOfLate(store: Store, clock: Clock): Promise<SentOfLate> {
  const texts = await store.notes(periodsOf(clock.now()).map((period) => SENT_BYTES_NOTES + period));
  const [today = 0, month = 0] = texts.map((text) => Number(text ?? 0) || 0);
  return { today, month };
}

export class SentBytes {
  readonly #store: Store;
  readonly #clock: Clock;
  /** By day and by month; undefined until it is read. */
  #bytes: Map<string, number> | undefined;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Reads what earlier runs sent, once. Rejects where the store does. */
  async load(): Promise<void> {
    if (this.#bytes !== undefined) return;
    const notes = await this.#store.notesUnder(SENT_BYTES_NOTES);
    this.#bytes = new Map(
      [...notes].map(([key, text]) => [key.slice(SENT_BYTES_NOTES.length), Number(text) || 0]),
    );
  }

  today(): number {
    const [day] = periodsOf(this.#clock.now());
    return this.#bytes?.get(day) ?? 0;
  }

  /**
   * Counts bytes that were sent. Answers with the notes that say so, to be written with the settlement of what
   * was sent; where that fails, the next one has them in it.
   */
  add(bytes: number): ReadonlyMap<string, string | undefined> {
    this.#bytes ??= new Map();
    const counted = this.#bytes;
    const notes = new Map<string, string | undefined>();
    for (const period of periodsOf(this.#clock.now())) {
      const total = (counted.get(period) ?? 0) + bytes;
      counted.set(period, total);
      notes.set(SENT_BYTES_NOTES + period, `${total}`);
    }
    for (const period of this.#outdated(counted)) {
      counted.delete(period);
      notes.set(SENT_BYTES_NOTES + period, undefined);
    }
    return notes;
  }

  #outdated(counted: ReadonlyMap<string, number>): readonly string[] {
    const periods = [...counted.keys()].sort();
    const days = periods.filter((period) => DAY.test(period));
    const months = periods.filter((period) => !DAY.test(period));
    return [...days.slice(0, -DAYS), ...months.slice(0, -MONTHS)];
  }
}

/** Such as 2026-11-22 and 2026-11. */
function periodsOf(time: Milliseconds): readonly [day: string, month: string] {
  const text = new Date(time).toISOString();
  return [text.slice(0, 10), text.slice(0, 7)];
}
