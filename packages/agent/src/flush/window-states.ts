/**
 * The state of windows in the store: their length, how often each was emitted, and which parts of it are kept.
 *
 * Promises: a window's state changes in the same settlement as its records, so that after a crash it describes exactly
 * what was emitted. It is kept until the window can get no more records; then only the time up to which windows were
 * forgotten is kept, so that raising METRIC_TTL revives none of them.
 * Every settlement requires that the stored state equals the one in memory ({@link WindowStates.expected}): if it was
 * changed by anything else, the settlement is refused, and the state is read again.
 */
import type { Store } from "@chouette-iot/queue";
import { type Seconds, seconds } from "@chouette-iot/record";
import type { WindowSpan } from "../aggregation/window.js";
import type { Windows } from "../runtime/windows.js";
import { WindowGrid } from "./window-grid.js";
import { decodeWindowState, untouched, type WindowState, windowKeys } from "./window-state.js";

/** In seconds: a clock that was set back by more is taken to have been ahead before. */
const MAX_DRIFT = 60;

interface Known {
  readonly state: WindowState;
  /** As stored. */
  readonly text: string;
}

interface Forgotten {
  /** Windows that end by this time have been forgotten. */
  readonly before: Seconds;
  /** When they were forgotten. */
  readonly at: Seconds;
}

export class WindowStates {
  readonly #store: Store;
  readonly #keys: ReturnType<typeof windowKeys>;
  readonly #windows: Windows;
  #known: Map<Seconds, Known> | undefined;
  #grid: WindowGrid;
  #forgotten: Forgotten | undefined;

  /**
   * @param queue the raw queue of these windows: each shard has its own
   * @param windows the grid of new windows
   */
  constructor(store: Store, queue: string, windows: Windows) {
    this.#store = store;
    this.#keys = windowKeys(queue);
    this.#windows = windows;
    this.#grid = new WindowGrid(windows);
  }

  /** Reads the state. Call before the first flush, and after a settlement that may or may not have been applied. */
  async load(): Promise<void> {
    const prefix = this.#keys.state;
    const texts = await this.#store.stateWithPrefix(prefix);
    const [forgotten] = await this.#store.state([this.#keys.forgotten]);
    this.#known = new Map();
    this.#forgotten = decodeForgotten(forgotten);
    for (const [key, text] of texts) {
      const start = seconds(Number(key.slice(prefix.length)));
      if (Number.isInteger(start))
        this.#set(start, { state: decodeWindowState(text, this.#windows.interval), text });
    }
  }

  get isLoaded(): boolean {
    return this.#known !== undefined;
  }

  /** Requires a {@link load} before the next flush; settlements until then are refused. */
  forget(): void {
    this.#known = undefined;
    this.#grid = new WindowGrid(this.#windows);
    this.#forgotten = undefined;
  }

  has(start: Seconds): boolean {
    return this.#known?.has(start) ?? false;
  }

  get(window: WindowSpan): WindowState {
    return this.#known?.get(window.start)?.state ?? untouched(window.interval);
  }

  /** Which window a time belongs to. */
  get grid(): Pick<WindowGrid, "startAt" | "windowAt"> {
    return this.#grid;
  }

  /** Windows with kept parts that aren't emitted yet. */
  withParts(): readonly WindowSpan[] {
    return this.#spans().filter(({ start }) => this.#known?.get(start)?.state.hasParts);
  }

  /** Windows that end by `from` or start after `to`. */
  outside(from: number, to: number): readonly WindowSpan[] {
    return this.#spans().filter(({ start, interval }) => start + interval <= from || start > to);
  }

  /** Windows that start before this time and have kept gauge times. */
  withGaugesBefore(time: number): readonly WindowSpan[] {
    return this.#spans().filter(({ start }) => start < time && this.#known?.get(start)?.state.hasGauges);
  }

  /** Windows that end by this time may have been forgotten. */
  forgottenBefore(now: Seconds): number {
    // If the clock was ahead when they were forgotten, records stamped by the corrected clock must not expire.
    if (this.#forgotten === undefined || this.#forgotten.at - MAX_DRIFT > now)
      return Number.NEGATIVE_INFINITY;
    return this.#forgotten.before;
  }

  /** The state of these windows that a settlement requires in the store. */
  expected(starts: Iterable<Seconds>): ReadonlyMap<string, string | undefined> {
    return new Map([...starts].map((start) => [this.#stateKey(start), this.#known?.get(start)?.text]));
  }

  /** The entry that a settlement writes for a window's state; call {@link set} with the same state once it is settled. */
  entry(start: Seconds, state: WindowState): [key: string, text: string] {
    return [this.#stateKey(start), JSON.stringify(state)];
  }

  set(start: Seconds, state: WindowState): void {
    this.#set(start, { state, text: JSON.stringify(state) });
  }

  /**
   * The entries that a settlement writes to forget windows; call {@link drop} with the same arguments once it is settled.
   * @param before windows that end by this time are forgotten
   */
  removal(
    windows: readonly WindowSpan[],
    before: Seconds,
    at: Seconds,
  ): ReadonlyMap<string, string | undefined> {
    const keys = windows.flatMap(({ start }) => [
      this.#stateKey(start),
      this.partsKey(start),
      this.finalSecondKey(start),
      this.gaugesKey(start),
    ]);
    const forgotten: Forgotten = { before, at };
    return new Map<string, string | undefined>([
      ...keys.map((key) => [key, undefined] as const),
      [this.#keys.forgotten, JSON.stringify(forgotten)],
    ]);
  }

  drop(windows: readonly WindowSpan[], before: Seconds, at: Seconds): void {
    for (const window of windows) {
      this.#known?.delete(window.start);
      this.#grid.remove(window);
    }
    this.#forgotten = { before, at };
  }

  /** The keys of what the store keeps for a window besides its state. */
  keptKeys(window: WindowSpan): readonly string[] {
    const { start } = window;
    const { hasParts, hasFinalSecond, hasGauges } = this.get(window);
    return [
      ...(hasParts ? [this.partsKey(start)] : []),
      ...(hasFinalSecond ? [this.finalSecondKey(start)] : []),
      ...(hasGauges ? [this.gaugesKey(start)] : []),
    ];
  }

  /** The key of a window's parts: contexts whose records left the raw queue but weren't emitted. */
  partsKey(start: Seconds): string {
    return `${this.#keys.parts}${start}`;
  }

  /** The key of the contexts of a window's last second. */
  finalSecondKey(start: Seconds): string {
    return `${this.#keys.finalSecond}${start}`;
  }

  /** The key of the times of the gauges that a window has emitted. */
  gaugesKey(start: Seconds): string {
    return `${this.#keys.gauges}${start}`;
  }

  #stateKey(start: Seconds): string {
    return `${this.#keys.state}${start}`;
  }

  #set(start: Seconds, known: Known): void {
    this.#known?.set(start, known);
    this.#grid.add({ start, interval: known.state.interval });
  }

  #spans(): readonly WindowSpan[] {
    return [...(this.#known ?? [])].map(([start, { state }]) => ({ start, interval: state.interval }));
  }
}

function decodeForgotten(text: string | undefined): Forgotten | undefined {
  try {
    const { before, at } = JSON.parse(text ?? "{}");
    return Number.isFinite(before) && Number.isFinite(at) ? { before, at } : undefined;
  } catch {
    return undefined;
  }
}
