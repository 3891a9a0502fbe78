/** Sets of numbers are read as they were written, in any order, and consecutive ones take little space. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteReader, ByteWriter } from "./bytes.js";
import { readNumbers, writeNumbers } from "./number-sets.js";

function written(numbers: readonly number[]): Buffer {
  const writer = new ByteWriter();
  writeNumbers(writer, numbers);
  return Buffer.from(writer.bytes);
}

function read(bytes: Buffer): readonly number[] {
  const found: number[] = [];
  readNumbers(new ByteReader(bytes), (first, count) => {
    for (let number = first; number < first + count; number++) found.push(number);
  });
  return found;
}

// Few enough that some are equal or consecutive.
const numbers = fc.array(fc.oneof(fc.nat(30), fc.maxSafeNat()), { maxLength: 40 });

it("a set is read as it was written, each number once and in order", () => {
  fc.assert(
    fc.property(numbers, (some) => {
      const sorted = [...new Set(some)].sort((a, b) => a - b);
      expect(read(written(some))).toEqual(sorted);
      // In order, but with one twice.
      const twice = [...some].sort((a, b) => a - b);
      expect(read(written(twice))).toEqual(sorted);
    }),
  );
});

it("consecutive numbers take as much space as one", () => {
  const many = Array.from({ length: 100 }, (_, index) => 7 + index);
  expect(written(many).length).toBe(written([7]).length);
});
