import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BatchSize, MAX_BATCH_LENGTH } from "./batch-size.js";
import { inBatches } from "./batches.js";
import type { SendFailure } from "./delivery.js";

/** Lengths of stored values, as shares of the longest batch. */
const lengths = fc.array(fc.constantFrom(0, 0.01, 0.25, 0.26, 0.5, 0.75, 1, 1.5), { maxLength: 12 });
const lost: SendFailure = { kind: "unavailable", reason: "no answer", answered: false, bytes: 1 };

function entriesOf(shares: readonly number[], first = 0) {
  return shares.map((share, index) => ({
    ...{ score: first + index, id: `${first + index}`, record: first + index },
    value: "x".repeat(share * MAX_BATCH_LENGTH),
  }));
}

async function* pagesOf(shares: readonly (readonly number[])[]) {
  let first = 0;
  for (const page of shares) {
    yield entriesOf(page, first);
    first += page.length;
  }
}

const lengthOf = (batch: readonly { readonly value: string }[]) =>
  batch.reduce((sum, { value }) => sum + value.length, 0);

describe("batches", () => {
  it("have all records in order, and each is full, by number or by length, but for the last", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(lengths, { maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        async (shares, most) => {
          const batches = [];
          for await (const batch of inBatches(pagesOf(shares), new BatchSize(most))) batches.push(batch);
          expect(batches.flat().map(({ record }) => record)).toEqual(shares.flat().map((_, index) => index));
          for (const [index, batch] of batches.entries()) {
            expect(batch.length).toBeGreaterThan(0);
            expect(batch.length).toBeLessThanOrEqual(most);
            if (batch.length > 1) expect(lengthOf(batch)).toBeLessThanOrEqual(MAX_BATCH_LENGTH);
            const [next] = batches[index + 1] ?? [];
            if (next === undefined) continue;
            expect(batch.length === most || lengthOf([...batch, next]) > MAX_BATCH_LENGTH).toBe(true);
          }
        },
      ),
    );
  });

  it("are handed on as soon as they are full, before the next page is read", async () => {
    let read = 0;
    async function* pages() {
      for (; read < 3; read++) yield entriesOf([0, 0], 2 * read);
    }
    const readBefore: number[] = [];
    for await (const _ of inBatches(pages(), new BatchSize(2))) readBefore.push(read);
    expect(readBefore).toEqual([0, 1, 2]);
  });

  it("are half as large after each that the link lost, down to one record, and grow by an eighth", async () => {
    const size = new BatchSize(16);
    const sizes: number[] = [];
    for await (const batch of inBatches(pagesOf([Array(16 + 8 + 4 + 2 + 1 + 1 + 2).fill(0)]), size)) {
      sizes.push(batch.length);
      if (sizes.length < 6) size.shrinkAfter(lost);
      else size.grow();
    }
    expect(sizes).toEqual([16, 8, 4, 2, 1, 1, 2]);
  });

  it("are shorter as well after one that the link lost", async () => {
    const size = new BatchSize(1_000);
    size.shrinkAfter(lost);
    const batches: number[] = [];
    for await (const batch of inBatches(pagesOf([[0.25, 0.25, 0.25, 0.25]]), size))
      batches.push(batch.length);
    expect(batches).toEqual([2, 2]);
  });

  it("have one record of each page while they probe, any, and all others once one was accepted", async () => {
    const firsts = new Set<number>();
    for (let tries = 0; tries < 100; tries++) {
      const size = new BatchSize(4);
      size.probe();
      const batches: number[][] = [];
      for await (const batch of inBatches(pagesOf([[0, 0, 0], [], [0, 0, 0]]), size)) {
        batches.push(batch.map(({ record }) => record));
        if (batches.length > 1) for (let times = 0; times < 8; times++) size.grow();
      }
      const [first = [], second = [], ...others] = batches;
      expect([first.length, second.length]).toEqual([1, 1]);
      expect(first[0]).toBeLessThan(3);
      expect(others).toEqual([[3, 4, 5].filter((record) => record !== second[0])]);
      firsts.add(first[0] ?? -1);
    }
    expect(firsts.size).toBe(3);
  });
});

describe("the size of a batch", () => {
  it.each([
    ["not a byte was sent", { ...lost, bytes: 0 }],
    ["the key was refused", { kind: "unauthorized", reason: "HTTP 403", bytes: 1 }],
  ] as const)("stays after a failure if %s", (_, failure) => {
    const size = new BatchSize(16);
    size.shrinkAfter(failure);
    expect([size.records, size.length]).toEqual([16, MAX_BATCH_LENGTH]);
  });

  it("never grows beyond its limits, and probes only after everything was refused", () => {
    const size = new BatchSize(16);
    size.grow();
    expect([size.records, size.length, size.isProbing]).toEqual([16, MAX_BATCH_LENGTH, false]);
    for (let times = 0; times < 30; times++) size.shrinkAfter(lost);
    expect([size.records, size.isProbing]).toEqual([1, false]);
    size.probe();
    expect([size.records, size.isProbing]).toEqual([1, true]);
    size.grow();
    expect([size.records, size.length, size.isProbing]).toEqual([2, MAX_BATCH_LENGTH / 8, false]);
  });
});
