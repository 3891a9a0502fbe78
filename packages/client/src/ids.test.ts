import fc from "fast-check";
import { expect, test } from "vitest";
import { BatchNumbers, newClientId, sortedNumber } from "./ids.js";

test("the numbers of batches are of one length, different, and sort as text in their order", () => {
  const numbers = new BatchNumbers();
  const texts = Array.from({ length: 20_000 }, () => numbers.next());
  expect(texts.every((text) => text.length === 10)).toBe(true);
  expect([...texts].sort()).toEqual(texts);
  expect(new Set(texts).size).toBe(texts.length);
});

test("two clients have numbers of their own", () => {
  const batches = 5_000;
  const clients = Array.from({ length: 20 }, () => new BatchNumbers());
  const texts = clients.flatMap((numbers) => Array.from({ length: batches }, () => numbers.next()));
  expect(new Set(texts).size).toBe(texts.length);
});

test("no client's numbers begin in the upper half of their range: none of them overflows", () => {
  // The 64 digits are in ASCII order, so this is the first one of the upper half.
  for (let client = 0; client < 100; client++) expect(new BatchNumbers().next() < "V").toBe(true);
});

test("ids of clients differ, and can be part of a key and of a file's name", () => {
  const ids = Array.from({ length: 1_000 }, newClientId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[\w-]{8}$/);
});

test("numbers as text sort like the numbers", () => {
  const number = fc.oneof(fc.nat(100), fc.nat(), fc.maxSafeNat());
  fc.assert(
    fc.property(number, number, (one, other) => {
      expect(sortedNumber(one) < sortedNumber(other)).toBe(one < other);
    }),
  );
});
