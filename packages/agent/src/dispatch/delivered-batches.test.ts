import { counterName, type Settlement } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeliveredBatches } from "./delivered-batches.js";
import { RememberedRecords } from "./remembered-records.js";

const QUEUE = "chouette:logs:wrapped";
const DELIVERED = counterName(QUEUE, "delivered");
const NO_STATE = new Map();

/** A store whose settlements fail as the list says, in turn, before or after they are applied. */
class FailingStore extends MemoryStore {
  readonly faults: ("before" | "after" | "none")[] = [];
  epochNow = 0;

  constructor() {
    super();
    Object.defineProperty(this, "epoch", { get: () => this.epochNow });
  }

  override async settle(settlement: Settlement): Promise<void> {
    const fault = this.faults.shift();
    if (fault === "before") throw new Error("the connection broke");
    await super.settle(settlement);
    if (fault === "after") throw new Error("the connection broke before the answer");
  }
}

async function withRecords(count: number) {
  const store = new FailingStore();
  const records = Array.from({ length: count }, (_, n) => ({ score: n, id: `${n}`, value: `value ${n}` }));
  await store.append(QUEUE, records);
  return { store, records, delivered: new DeliveredBatches(store, QUEUE, new RememberedRecords()) };
}

describe("what was delivered", () => {
  it("is settled once, whenever the store fails and however often", async () => {
    const fault = fc.constantFrom("before" as const, "after" as const, "none" as const);
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 5 }), fc.boolean(), async (faults, isStale) => {
        const { store, records, delivered } = await withRecords(20);
        await delivered.begin();
        store.faults.push(...faults);
        if (isStale) store.epochNow += 1;
        await delivered.settle(records.slice(5, 15), NO_STATE).catch(() => {});
        for (const _ of faults) await delivered.begin().catch(() => {});
        await delivered.begin();
        expect(await store.size(QUEUE)).toBe(10);
        expect((await store.counters()).get(DELIVERED)).toBe(10);
      }),
    );
  });

  it.each([
    ["the store failed", false],
    ["its data may be older", true],
  ])("stays in the queue with a later value, when %s", async (_, isStale) => {
    const { store, records, delivered } = await withRecords(3);
    await delivered.begin();
    if (isStale) store.epochNow += 1;
    else store.faults.push("before");
    const later = { score: 1, id: "1", value: "a later value" };
    await store.append(QUEUE, [later]);
    const settled = delivered.settle(records, NO_STATE);
    // Older data is no failure.
    if (isStale) await settled;
    else await expect(settled).rejects.toThrow("the connection broke");
    await delivered.begin();
    expect(await store.read(QUEUE, { limit: 10 })).toEqual([expect.objectContaining(later)]);
    expect((await store.counters()).get(DELIVERED)).toBe(2);
  });

  it("is forgotten once it is settled", async () => {
    const { store, records, delivered } = await withRecords(1);
    await delivered.begin();
    await delivered.settle(records, NO_STATE);
    await store.append(QUEUE, records);
    await delivered.begin();
    expect(await store.size(QUEUE)).toBe(1);
  });

  it("is settled once more if it comes back, but not with another value", async () => {
    const { store, records, delivered } = await withRecords(3);
    await delivered.begin();
    await delivered.settle(records, NO_STATE);
    const [first, second, third] = records;
    if (first === undefined || second === undefined || third === undefined) throw new Error("no records");
    const [changed, unknown] = [
      { ...second, value: "another" },
      { ...third, id: "another" },
    ];
    await store.append(QUEUE, [first, changed, unknown]);
    const page = await store.read(QUEUE, { limit: 10 });
    const left = [expect.objectContaining(changed), expect.objectContaining(unknown)];
    expect(await delivered.withoutDelivered(page)).toEqual(left);
    expect(await store.read(QUEUE, { limit: 10 })).toEqual(left);
    expect((await store.counters()).get(DELIVERED)).toBe(4);
  });

  it("is remembered to the last of a million characters, and once if it is delivered again", async () => {
    const { store, delivered } = await withRecords(0);
    const records = ["a", "b"].map((id, score) => ({ score, id, value: id.repeat(500_000) }));
    for (let times = 0; times < 3; times++) await delivered.settle(records, NO_STATE);
    await store.append(QUEUE, records);
    expect(await delivered.withoutDelivered(records)).toEqual([]);
    const another = { score: 2, id: "c", value: "c" };
    await delivered.settle([another], NO_STATE);
    expect(await delivered.withoutDelivered([...records, another])).toEqual(records.slice(0, 1));
  });

  it("is settled page by page, and read no further than its last record", async () => {
    const { store, records, delivered } = await withRecords(4_000);
    await delivered.begin();
    store.faults.push("before");
    const batch = records.slice(500, 2_600);
    await expect(delivered.settle([...batch].reverse(), NO_STATE)).rejects.toThrow("the connection broke");
    const ranges: number[][] = [];
    const read = store.read.bind(store);
    store.read = async (queue, options) => {
      const page = await read(queue, options);
      ranges.push([page[0]?.score ?? -1, page.length]);
      return page;
    };
    await delivered.begin();
    expect(ranges).toEqual([
      [500, 1_000],
      [1_500, 1_000],
      [2_500, 1_000],
      [3_500, 500],
    ]);
    expect(await store.size(QUEUE)).toBe(4_000 - batch.length);
    expect((await store.counters()).get(DELIVERED)).toBe(batch.length);
    store.epochNow += 1;
    await delivered.begin();
    expect(ranges).toHaveLength(4);
  });

  it("is remembered up to a million characters, the latest longest", async () => {
    const { store, delivered } = await withRecords(0);
    const records = ["a", "b", "c"].map((id, score) => ({ score, id, value: id.repeat(400_000) }));
    for (const record of records) await delivered.settle([record], NO_STATE);
    await store.append(QUEUE, records);
    expect(await delivered.withoutDelivered(records)).toEqual(records.slice(0, 1));
  });
});
