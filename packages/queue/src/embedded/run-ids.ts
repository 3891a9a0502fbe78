/**
 * Whether an id may be in any of a queue's runs, with one check for many runs.
 *
 * Each filter is a Bloom filter for several runs, with ten bits per record and 1 false positive in 100, after which each
 * run's own filter is asked. Runs are added to a filter until it is full; it is dropped with the last of its runs.
 */
import { IdFilter } from "./id-filter.js";

const SHARED = { bits: 10, probes: 5 };
/** Capacity of a filter: a multiple of its first run's ids, within these bounds. */
const TIMES_FIRST = 8;
const MIN_IDS = 8 * 1024;
const MAX_IDS = 512 * 1024;

interface SharedFilter {
  /** Undefined for a run whose ids aren't known: it may have any id. */
  readonly filter: IdFilter | undefined;
  readonly runs: Set<number>;
  /** Remaining capacity in ids. */
  free: number;
}

export class RunIds {
  #filters: SharedFilter[] = [];

  /** Adds a run. @param hashes of its ids; undefined if they aren't known */
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

  /** Forgets all runs but these. */
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
