/** Brings what can be read of a damaged file into a new one. */
import { milliseconds } from "@chouette-iot/record";
import type { QueueWrite } from "../broker-store.js";
import { fateCounter } from "../fates.js";
import { type Entry, readWhatCanBe } from "./damaged-file.js";
import { COUNTERS_TABLE, NOTES_TABLE, RECORDS_PREFIX, STRAYS_PREFIX } from "./file-format.js";
import { LmdbStore } from "./lmdb-store.js";

/** Numbers of records. */
export interface Recovered {
  readonly recovered: number;
  /** Those that should have been there and could not be read, where the file still tells. */
  readonly lost: number;
}

const AT_ONCE = 1_000;

/** @param from the folder of the damaged file; @param to that of the new one, which is closed when this resolves */
export async function recover(from: string, to: string): Promise<Recovered> {
  const store = new LmdbStore({ directory: to, commitInterval: milliseconds(0) });
  try {
    let waiting: QueueWrite[] = [];
    const notes = new Map<string, string>();
    const counters = new Map<string, number>();
    const take = async (table: string, [key, value]: Entry) => {
      if (table === NOTES_TABLE) notes.set(`${key}`, `${value}`);
      else if (table === COUNTERS_TABLE) counters.set(`${key}`, Number(value));
      else waiting.push(...writeOf(table, key, `${value}`));
      if (waiting.length < AT_ONCE) return;
      await store.write(waiting);
      waiting = [];
    };
    const expected = await readWhatCanBe(from, take);
    await store.write(waiting);
    return await count(store, { expected, notes, counters });
  } finally {
    await store.close();
  }
}

function writeOf(table: string, key: Entry[0], value: string): readonly QueueWrite[] {
  if (table.startsWith(STRAYS_PREFIX))
    return [{ queue: table.slice(STRAYS_PREFIX.length), id: `${key}`, value }];
  if (!table.startsWith(RECORDS_PREFIX) || typeof key === "string") return [];
  const write = { queue: table.slice(RECORDS_PREFIX.length), score: Number(key[0]), id: key[1] };
  // An id that was stored without a value has an empty one.
  return [value === "" ? write : { ...write, value }];
}

/** What is missing in a queue is counted there, so that its ledger adds up. */
async function count(
  store: LmdbStore,
  {
    expected,
    notes,
    counters,
  }: {
    readonly expected: ReadonlyMap<string, number>;
    readonly notes: ReadonlyMap<string, string>;
    readonly counters: Map<string, number>;
  },
): Promise<Recovered> {
  let recovered = 0;
  let lost = 0;
  for (const [table, entries] of expected) {
    if (!table.startsWith(RECORDS_PREFIX)) continue;
    const queue = table.slice(RECORDS_PREFIX.length);
    const there = await store.size(queue);
    recovered += there;
    const missing = Math.max(0, entries - there);
    lost += missing;
    const counter = fateCounter(queue, "damaged");
    if (missing > 0) counters.set(counter, (counters.get(counter) ?? 0) + missing);
  }
  await store.settle({ notes, count: counters });
  return { recovered, lost };
}
