/**
 * A plain model of the store, and the property that an engine behaves like it: random sequences of append, read,
 * settle, expire and reopen.
 */
import {
  counterName,
  expire,
  type NewRecord,
  type Position,
  type ReadOptions,
  type Settlement,
  StaleSettlementError,
  type Store,
} from "@chouette-iot/queue";
import fc from "fast-check";
import { expect } from "vitest";
import { asStored, readAll, type Subject } from "./subject.js";

const QUEUES = ["chouette:one", "chouette:two"] as const;
const STATE_KEYS = ["a", "a:1", "a:2", "b", "ä"] as const;

const SCORES = [-Infinity, -1.5, -0, 0.1 + 0.2, 1, 1_700_000_000.123456, 1_700_000_000.1234562, Infinity];
const IDS = [
  "a",
  "aa",
  "b",
  "B",
  "ä",
  "~",
  "\u{1f989}",
  "\uffee",
  "0 1",
  "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
];

/** Every id with every score, so that equal scores and all orders of bytes occur; each with a distinct value. */
const RECORDS: readonly NewRecord[] = SCORES.flatMap((score, row) =>
  IDS.map((id) => ({
    score,
    id: `${id}${row}`,
    value: JSON.stringify({ id, row, text: "größer \u{1f989}" }),
  })),
);

/** A state key that a settlement depends on, with its current text or another. */
interface Fence {
  readonly key: (typeof STATE_KEYS)[number];
  readonly stale: boolean;
}

type Action =
  | { readonly do: "append"; readonly queue: string; readonly records: readonly NewRecord[] }
  | { readonly do: "read"; readonly queue: string; readonly limit: number; readonly before?: number }
  | { readonly do: "settle"; readonly settlement: Settlement; readonly page: boolean; readonly fence?: Fence }
  | { readonly do: "expire"; readonly queue: string; readonly before: number }
  | { readonly do: "reopen" };

const queue = fc.constantFrom(...QUEUES);
const records = fc.subarray([...RECORDS], { maxLength: 30 });
const inQueue = fc.record({ queue, records });
const state = fc
  .array(fc.tuple(fc.constantFrom(...STATE_KEYS), fc.option(fc.string(), { nil: undefined })), {
    maxLength: 3,
  })
  .map((entries) => new Map(entries));
const count = fc
  .array(fc.tuple(fc.constantFrom("x", "y:z"), fc.integer({ min: 1, max: 1000 })), { maxLength: 2 })
  .map((entries) => new Map(entries));
const settlement = fc.record(
  { remove: fc.array(inQueue, { maxLength: 2 }), add: fc.array(inQueue, { maxLength: 2 }), state, count },
  { requiredKeys: [] },
);

const fence = fc.record({ key: fc.constantFrom(...STATE_KEYS), stale: fc.boolean() });

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("append" as const), queue, records }) },
  {
    weight: 6,
    arbitrary: fc.record(
      {
        do: fc.constant("read" as const),
        queue,
        limit: fc.integer({ min: 1, max: 12 }),
        before: fc.constantFrom(...SCORES),
      },
      { requiredKeys: ["do", "queue", "limit"] },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.record(
      { do: fc.constant("settle" as const), settlement, page: fc.boolean(), fence },
      { requiredKeys: ["do", "settlement", "page"] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("expire" as const), queue, before: fc.constantFrom(...SCORES) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
);

/** Compares an engine with the model. @param newSubject an empty store for each sequence */
export async function expectToDoAsTheModel(
  newSubject: () => Promise<Subject>,
  sequences: number,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const subject = await newSubject();
      try {
        const run = new Run(subject);
        for (const next of actions) await run.take(next);
        await run.compare();
      } finally {
        await subject.close();
      }
    }),
    { numRuns: sequences },
  );
}

/** One sequence: the engine, the model, and a reader of each queue, which continues where it stopped. */
class Run {
  readonly #subject: Subject;
  readonly #model = new Model();
  readonly #readers = new Map<string, Position>();
  /** The records read last: settlements mostly remove records that were read. */
  #lastPage: { readonly queue: string; readonly records: readonly Position[] } | undefined;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  async take(next: Action): Promise<void> {
    const { store } = this.#subject;
    switch (next.do) {
      case "append":
        await store.append(next.queue, next.records);
        this.#model.settle({ add: [next] });
        return;
      case "read":
        return this.#read(next.queue, next);
      case "settle": {
        const removed = next.page && this.#lastPage !== undefined ? [this.#lastPage] : [];
        const whole = { ...next.settlement, remove: [...(next.settlement.remove ?? []), ...removed] };
        await this.#settle(whole, next.fence);
        return;
      }
      case "expire": {
        const expired = this.#model.read(next.queue, { before: next.before, limit: Infinity });
        const counter = counterName(next.queue, "expired");
        this.#model.settle({
          remove: [{ queue: next.queue, records: expired }],
          ...(expired.length > 0 ? { count: new Map([[counter, expired.length]]) } : {}),
        });
        expect(await expire(store, next.queue, { before: next.before })).toBe(expired.length);
        return;
      }
      case "reopen":
        await this.#subject.reopen();
        this.#lastPage = undefined;
        return this.compare();
    }
  }

  async #settle(settlement: Settlement, fence: Fence | undefined): Promise<void> {
    const { store } = this.#subject;
    if (fence === undefined) {
      await store.settle(settlement);
    } else {
      const text = this.#model.state.get(fence.key);
      const onlyWhile = new Map([[fence.key, fence.stale ? `not ${text}` : text]]);
      const settled = store.settle({ ...settlement, onlyWhile });
      if (fence.stale) return expect(settled).rejects.toThrow(StaleSettlementError);
      await settled;
    }
    this.#model.settle(settlement);
  }

  async #read(queue: string, options: { readonly limit: number; readonly before?: number }): Promise<void> {
    const after = this.#readers.get(queue);
    const whole = { ...options, ...(after === undefined ? {} : { after }) };
    const expected = this.#model.read(queue, whole);
    const page = await this.#subject.store.read(queue, whole);
    // An engine may return fewer records than asked for, but none only at the end.
    expect(asStored(page)).toEqual(expected.slice(0, expected.length === 0 ? 0 : Math.max(1, page.length)));
    const last = page.at(-1);
    this.#lastPage = { queue, records: page };
    if (last === undefined) this.#readers.delete(queue);
    else this.#readers.set(queue, last);
  }

  async compare(): Promise<void> {
    const { store } = this.#subject;
    for (const name of QUEUES) {
      const expected = this.#model.read(name, { limit: Infinity });
      expect(await readAll(store, name, { limit: 7 })).toEqual(expected);
      expect(await store.size(name)).toBe(expected.length);
      expect(await store.orphans(name, 10)).toEqual([]);
    }
    expect(await store.state(STATE_KEYS)).toEqual(STATE_KEYS.map((key) => this.#model.state.get(key)));
    await expectStateWithPrefix(store, "a:", this.#model);
    await expectStateWithPrefix(store, "", this.#model);
    expect(await store.counters()).toEqual(this.#model.counters);
  }
}

async function expectStateWithPrefix(store: Store, prefix: string, model: Model): Promise<void> {
  const expected = new Map([...model.state].filter(([key]) => key.startsWith(prefix)));
  expect(await store.stateWithPrefix(prefix)).toEqual(expected);
}

/** Lists and maps, regardless of speed and disks. */
class Model {
  readonly state = new Map<string, string>();
  readonly counters = new Map<string, number>();
  readonly #queues = new Map<string, Map<string, NewRecord>>();

  settle({ remove = [], add = [], state = new Map(), count = new Map() }: Settlement): void {
    for (const { queue, records } of remove) for (const { id } of records) this.#queue(queue).delete(id);
    for (const { queue, records } of add)
      for (const record of records) this.#queue(queue).set(record.id, record);
    for (const [key, text] of state) {
      if (text === undefined) this.state.delete(key);
      else this.state.set(key, text);
    }
    for (const [name, by] of count) this.counters.set(name, (this.counters.get(name) ?? 0) + by);
  }

  read(queue: string, { after, before, limit }: ReadOptions): readonly NewRecord[] {
    return [...this.#queue(queue).values()]
      .sort(inOrder)
      .filter((record) => after === undefined || inOrder(record, after) > 0)
      .filter((record) => before === undefined || record.score < before)
      .map((record) => ({ ...record, score: record.score + 0 }))
      .slice(0, limit);
  }

  #queue(name: string): Map<string, NewRecord> {
    const queue = this.#queues.get(name) ?? new Map<string, NewRecord>();
    this.#queues.set(name, queue);
    return queue;
  }
}

function inOrder(a: Position, b: Position): number {
  if (a.score !== b.score) return a.score < b.score ? -1 : 1;
  return Buffer.compare(Buffer.from(a.id), Buffer.from(b.id));
}
