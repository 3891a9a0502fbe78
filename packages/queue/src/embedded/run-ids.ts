/**
 * Whether an id may be in any of a queue's runs: one look, however many runs there are.
 *
 * A Bloom filter for several runs, of ten bits a record and wrong for 1 in 100: then each run's own filter is asked. One
 * takes runs until it is full, and goes when the last of its runs has gone.
 */
import { IdFilter } from "./id-filter.js";

const SHARED = { bits: 10, probes: 5 };
/** How many ids a filter takes: some times as many as its first run has, within these bounds. */
const TIMES_FIRST = 8;
const MIN_IDS = 8 * 1024;
const MAX_IDS = 512 * 1024;

interface SharedFilter {
  /** Undefined for a run whose ids aren't known: it may have any. */
  readonly filter: IdFilter | undefined;
  readonly runs: Set<number>;
  /** How many more ids it takes. */
  free: number;
}

export class RunIds {
  #filters: SharedFilter[] = [];

  /** @param hashes of its ids; undefined if they aren't at hand */
  add(run: number, hashes: Uint32Array | undefined): void {
    if (hashes === undefined) {
      this.#filters.unshift({ filter: undefined, runs: new Set([run]), free: 0 });
      return;
    }
    const shared = this.#withRoom(hashes.length);
    shared.runs.add(run);
    shared.free -= hashes.length;
    for (const hash of hashes) shared.filter?.add(hash);
  }

  /** These are all the runs that there are. */
  keep(runs: readonly { readonly id: number }[]): void {
    const kept = new Set(runs.map(({ id }) => id));
    for (const shared of this.#filters) {
      for (const run of shared.runs) if (!kept.has(run)) shared.runs.delete(run);
    }
    this.#filters = this.#filters.filter((shared) => shared.runs.size > 0);
  }

  mayHave(hash: number): boolean {
    for (const { filter } of this.#filters) if (filter === undefined || filter.mayHave(hash)) return true;
    return false;
  }

  #withRoom(count: number): SharedFilter {
    const last = this.#filters.at(-1);
    if (last !== undefined && last.free >= count) return last;
    const size = Math.max(count, MIN_IDS, Math.min(MAX_IDS, count * TIMES_FIRST));
    const shared = { filter: new IdFilter(size, SHARED), runs: new Set<number>(), free: size };
    this.#filters.push(shared);
    return shared;
  }
}
