import fc from "fast-check";
import { expect, test } from "vitest";
import { metricName } from "./datadog-names.js";
import { shardOf } from "./shard.js";

test("the shard of a name never changes: FNV-1a of 32 bits, modulo the number of shards", () => {
  // Published test vectors of FNV-1a.
  expect(shardOf("", 2 ** 32)).toBe(0x811c9dc5);
  expect(shardOf("a", 2 ** 32)).toBe(0xe40c292c);
  expect(shardOf("foobar", 2 ** 32)).toBe(0xbf9cf968);
  const names = ["http.requests", "my_app.requests", "queue.depth", "temperature", "chouette.agent.uptime"];
  expect(names.map((name) => shardOf(name, 12))).toEqual([3, 5, 7, 1, 7]);
  expect(names.map((name) => shardOf(name, 1))).toEqual([0, 0, 0, 0, 0]);
});

test("every spelling of one name at Datadog is in one shard, and each shard is from 0 to n - 1", () => {
  const spelling = fc.string({ unit: "grapheme", maxLength: 250 });
  fc.assert(
    fc.property(spelling, fc.integer({ min: 1, max: 1_000 }), (name, shards) => {
      const shard = shardOf(name, shards);
      expect(Number.isInteger(shard) && shard >= 0 && shard < shards).toBe(true);
      expect(shardOf(metricName(name), shards)).toBe(shard);
      expect(shardOf(`42 ${name}`, shards)).toBe(shard);
    }),
  );
});

test("names are spread evenly", () => {
  const sizes = new Array<number>(12).fill(0);
  for (let device = 0; device < 12_000; device++) {
    const shard = shardOf(`device_${device}.temperature`, 12);
    sizes[shard] = (sizes[shard] ?? 0) + 1;
  }
  expect(Math.min(...sizes)).toBeGreaterThan(800);
  expect(Math.max(...sizes)).toBeLessThan(1_200);
});
