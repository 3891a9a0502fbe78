import { expect, it } from "vitest";
import { Block } from "./block.js";
import { BlockCache } from "./block-cache.js";

const KIB = 1024;
/** A block without records that takes so much memory. */
const block = (bytes: number) => new Block(Buffer.alloc(bytes));
const has = (cache: BlockCache, run: number, count: number) =>
  Array.from({ length: count }, (_, index) => cache.get(run, index) !== undefined);

it("keeps two MiB of the blocks used last, and one that is larger than that alone", () => {
  const cache = new BlockCache();
  for (let index = 0; index < 4; index++) cache.put(1, index, block(512 * KIB));
  expect(has(cache, 1, 4)).toEqual([true, true, true, true]);
  cache.get(1, 0);
  cache.put(1, 4, block(3));
  expect(has(cache, 1, 5)).toEqual([true, false, true, true, true]);
  // Put again, it takes its memory once.
  for (let time = 0; time < 9; time++) cache.put(1, 0, block(512 * KIB));
  expect(has(cache, 1, 5)).toEqual([true, false, true, true, true]);
  cache.put(2, 0, block(5_000 * KIB));
  expect(cache.get(2, 0)?.bytes).toBe(5_000 * KIB);
  expect(has(cache, 1, 5)).toEqual([false, false, false, false, false]);
  cache.put(1, 0, block(3));
  expect([cache.get(1, 0)?.bytes, cache.get(2, 0)]).toEqual([3, undefined]);
});

it("forgets one run's blocks, or all, with the memory that they took", () => {
  const cache = new BlockCache();
  for (const run of [1, 11, 2])
    for (let index = 0; index < 2; index++) cache.put(run, index, block(300 * KIB));
  cache.forget(1);
  expect([has(cache, 1, 2), has(cache, 11, 2), has(cache, 2, 2)].flat()).toEqual([
    false,
    false,
    true,
    true,
    true,
    true,
  ]);
  cache.put(3, 0, block(800 * KIB));
  expect(has(cache, 11, 2)).toEqual([true, true]);
  cache.clear();
  expect([...has(cache, 11, 2), ...has(cache, 3, 1)]).toEqual([false, false, false]);
  for (let index = 0; index < 4; index++) cache.put(4, index, block(512 * KIB));
  expect(has(cache, 4, 4)).toEqual([true, true, true, true]);
});
