/** A change that is replayed has the same effect as when it was committed. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteWriter, MalformedBytes } from "./bytes.js";
import type { Change } from "./change.js";
import { readChange, writeChange } from "./change-codec.js";

const text = fc.string({ unit: "binary", maxLength: 8 });
const whole = fc.oneof(fc.nat(200), fc.maxSafeNat());
const numbers = fc.uniqueArray(fc.oneof(fc.nat(12), fc.nat(1_000_000)), { maxLength: 12 });
const mapOf = <T>(value: fc.Arbitrary<T>) =>
  fc.array(fc.tuple(text, value), { maxLength: 3 }).map((entries) => new Map(entries));
const few = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 3 });

const written = fc.record({
  id: text,
  score: fc.option(fc.double({ noNaN: true }), { nil: undefined }),
  value: fc.option(text, { nil: undefined }),
});
const removal = fc.record({
  queue: text,
  numbers,
  ordinals: few(fc.tuple(whole, numbers)).map((entries) => new Map(entries)),
});
const run = fc.record({
  queue: text,
  run: whole,
  below: whole,
  replaces: numbers,
  removed: numbers,
  count: whole,
});
const mark = fc.oneof(
  fc.constant({ kind: "closed" as const }),
  fc.record({
    kind: fc.constant("opened" as const),
    version: whole,
    boot: text,
    isDurable: fc.boolean(),
    nextNumber: whole,
  }),
);
const change = fc.record({
  unused: whole,
  flushedThrough: whole,
  sizes: mapOf(whole),
  runs: few(run),
  removals: few(removal),
  orphanRemovals: few(fc.record({ queue: text, ids: few(text) })),
  writes: few(fc.record({ queue: text, first: whole, records: few(written) })),
  state: mapOf(fc.option(text, { nil: undefined })),
  counters: mapOf(fc.double({ noNaN: true })),
  increments: mapOf(fc.double({ noNaN: true })),
  mark: fc.option(mark, { nil: undefined }),
});

function bodyOf(one: Change): Buffer {
  const writer = new ByteWriter(8);
  writeChange(writer, one);
  return Buffer.from(writer.bytes);
}

const sorted = (some: readonly number[]) => [...some].sort((a, b) => a - b);

/** As it is read back: sets of numbers have lost their order. */
function inOrder(one: Change): Change {
  return {
    ...one,
    runs: one.runs?.map((each) => ({
      ...each,
      replaces: sorted(each.replaces),
      removed: sorted(each.removed),
    })),
    removals: one.removals?.map((each) => ({
      ...each,
      numbers: sorted(each.numbers),
      ordinals: new Map([...each.ordinals].map(([id, ordinals]) => [id, sorted(ordinals)])),
    })),
  } as Change;
}

it("any change is read back as it was written", () => {
  fc.assert(
    fc.property(change, (one) => {
      expect(readChange(bodyOf(one))).toEqual(inOrder(one));
    }),
    { numRuns: 60 },
  );
});

it("what a change leaves out takes no byte", () => {
  expect(bodyOf({}).length).toBe(0);
  expect(bodyOf({ unused: 0, flushedThrough: 0, mark: undefined, state: undefined }).length).toBe(0);
  expect(readChange(Buffer.alloc(0))).toMatchObject({ unused: 0, flushedThrough: 0, mark: undefined });
});

it("a body that is cut off within a part, or has a part of a later version, is refused", () => {
  fc.assert(
    fc.property(change, fc.nat(), (one, cut) => {
      const body = bodyOf(one);
      const parts = new Set<number>([0, body.length]);
      try {
        // Whole parts alone are a smaller change: encoding it again gives the same bytes.
        const read = readChange(body.subarray(0, cut % (body.length + 1)));
        parts.add(bodyOf(read).length);
        expect(parts).toContain(cut % (body.length + 1));
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedBytes);
      }
    }),
    { numRuns: 60 },
  );
  for (const part of [0, 14, 200]) expect(() => readChange(Buffer.of(part))).toThrow(MalformedBytes);
});

it("removals of consecutive records take hardly more bytes than one, in any order, with repetitions", () => {
  const removing = (some: readonly number[]) =>
    bodyOf({ removals: [{ queue: "q", numbers: some, ordinals: new Map([[1, some]]) }] });
  const thousand = Array.from({ length: 1_000 }, (_, index) => index + 7);
  expect(removing(thousand).length).toBeLessThan(removing([7]).length + 4);
  expect(removing([...thousand].reverse())).toEqual(removing(thousand));
  expect(removing([...thousand, ...thousand])).toEqual(removing(thousand));
});
