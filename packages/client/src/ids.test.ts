import { expect, test } from "vitest";
import { BatchNumbers } from "./ids.js";

test("the numbers of batches are of one length, different, and sort as text in their order", () => {
  const numbers = new BatchNumbers();
  const texts = Array.from({ length: 20_000 }, () => numbers.next());
  expect(texts.every((text) => text.length === 10)).toBe(true);
  expect([...texts].sort()).toEqual(texts);
  expect(new Set(texts).size).toBe(texts.length);
});

test("two clients have numbers of their own", () => {
  const batches = 10_000;
  const clients = Array.from({ length: 20 }, () => new BatchNumbers());
  const texts = clients.flatMap((numbers) => Array.from({ length: batches }, () => numbers.next()));
  expect(new Set(texts).size).toBe(texts.length);
});
