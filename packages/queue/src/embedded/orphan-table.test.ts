/** Values without a score are bounded in memory, and those that are displaced are counted once. */
import { expect, it } from "vitest";
import { PowerDisk } from "../../../../tests/support/power-disk.js";
import { counterName } from "../disposition.js";
import { openEmbeddedStore } from "./open-embedded-store.js";
import { OrphanTable } from "./orphan-table.js";

const MEBIBYTE = 2 ** 20;
const NEVER = 600_000;

async function open(files: PowerDisk) {
  const { store, losses } = await openEmbeddedStore({ folder: "/data", files, fsync: NEVER, boot: "b" });
  expect(losses).toBeUndefined();
  const idsOf = async (queue: string) => {
    const ids: string[] = [];
    for (let page = await store.orphans(queue, 100); page.length > 0; ) {
      ids.push(...page.map(({ id }) => id));
      await store.settle({ removeOrphans: [{ queue, ids: page.map(({ id }) => id) }] });
      page = await store.orphans(queue, 100);
    }
    return ids;
  };
  return { store, idsOf };
}

it("of the queue that has most orphans, the oldest are displaced by further ones, and stay so after a restart", async () => {
  const disk = new PowerDisk();
  const { store } = await open(disk);
  const few = Array.from({ length: 3 }, (_, n) => ({ queue: "few", id: `${n}`, value: "x".repeat(100) }));
  await store.write(few);
  for (let n = 0; n < 40; n++)
    await store.write([{ queue: "many", id: `${n}`, value: "x".repeat(MEBIBYTE - 1_000) }]);
  await store.append("many", [{ score: 1, id: "record", value: "kept" }]);
  const displaced = async (queue: string) => (await store.counters()).get(counterName(queue, "displaced"));
  expect([await displaced("many"), await displaced("few")]).toEqual([24, undefined]);
  await store.close();

  const { store: again, idsOf } = await open(disk);
  expect((await again.counters()).get(counterName("many", "displaced"))).toBe(24);
  expect(await idsOf("few")).toEqual(["0", "1", "2"]);
  expect(await idsOf("many")).toEqual(Array.from({ length: 16 }, (_, n) => `${24 + n}`));
  expect(await again.size("many")).toBe(1);
  await again.close();
});

it("many small ones are bounded as well", async () => {
  const { store } = await open(new PowerDisk());
  const small = (from: number) =>
    Array.from({ length: 20_000 }, (_, n) => ({ queue: "q", id: `${from + n}`, value: "" }));
  for (let from = 0; from < 100_000; from += 20_000) await store.write(small(from));
  const count = await store.valueCount("q");
  expect(count).toBeGreaterThan(16 * 1024 * 4);
  expect(count).toBeLessThan(16 * 1024 * 5.3);
  expect((await store.counters()).get(counterName("q", "displaced"))).toBe(100_000 - count);
  await store.close();
});

it("its size is that of its texts, whatever is replaced and removed", () => {
  const table = new OrphanTable();
  table.set("a", "12345");
  table.set("bc", "1");
  expect([table.size, table.textBytes]).toEqual([2, 9]);
  table.set("a", "1");
  table.delete("none");
  expect([table.size, table.textBytes, table.memoryBytes]).toEqual([2, 5, 405]);
  table.deleteOldest();
  expect([[...table], table.textBytes]).toEqual([[["bc", "1"]], 3]);
  table.delete("bc");
  table.deleteOldest();
  expect([table.size, table.textBytes]).toEqual([0, 0]);
});
