/**
 * The clock's state in the store: the boot, its time by the clock, and a shift that isn't done yet, in one text.
 *
 * A shift is planned, carried out page by page, and finished by settlements that each depend on the state's previous text.
 * So it is neither planned twice nor forgotten if answers are lost, and it continues from its last page after any failure.
 */
import type { Settlement, Store } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";
import { type ClockShift, decodeClockShift } from "./clock-shift.js";

export interface ClockState {
  readonly boot: string;
  /** Unix time of the boot, by the clock. */
  readonly bootTime: Seconds;
  /** A shift that isn't finished. */
  readonly pending?: ClockShift;
}

/** The key of the clock's state in the store. */
export const CLOCK_STATE = "clock";

export class StoredClockState {
  readonly #store: Store;
  /** As last read or written; undefined if it must be read. After a reconnect, the store may have older data. */
  #known: { readonly epoch: number; readonly text: string | undefined } | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** The state, from memory if it is known; undefined if the store has none. Rejects if the store does. */
  async read(): Promise<ClockState | undefined> {
    const { epoch } = this.#store;
    if (this.#known?.epoch !== epoch) {
      const [text] = await this.#store.state([CLOCK_STATE]);
      this.#known = { epoch, text };
    }
    return decodeClockState(this.#known.text);
  }

  /** The next call reads it from the store: it may have been changed. */
  forget(): void {
    this.#known = undefined;
  }

  /** Writes the state in one settlement with other changes. Rejects if the stored state has changed since it was read. */
  async write(
    state: ClockState,
    { state: others = new Map(), ...changes }: Pick<Settlement, "remove" | "add" | "state"> = {},
  ): Promise<void> {
    const { epoch } = this.#store;
    const text = JSON.stringify(state);
    await this.#store.settle({
      ...changes,
      onlyWhile: new Map([[CLOCK_STATE, this.#known?.text]]),
      state: new Map([...others, [CLOCK_STATE, text]]),
    });
    this.#known = { epoch, text };
  }
}

/** Undefined if the text isn't a state: then nothing is known of the clock. */
export function decodeClockState(text: string | undefined): ClockState | undefined {
  if (text === undefined) return undefined;
  try {
    const { boot, bootTime, pending: shift }: Readonly<Record<string, unknown>> = JSON.parse(text);
    if (typeof boot !== "string" || typeof bootTime !== "number") return undefined;
    const state = { boot, bootTime: seconds(bootTime) };
    const pending = decodeClockShift(shift);
    return pending === undefined ? state : { ...state, pending };
  } catch {
    return undefined;
  }
}
