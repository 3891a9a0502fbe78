import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { type Entry, Table } from "./memory-table.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const entry = (number: number, length: number): Entry => ({
  ...{ id: `id${number}`, score: number, number, live: true },
  value: "x".repeat(length),
});

it("large records that have left don't stay in memory for the sake of a few that haven't", async () => {
  const table = new Table();
  const refs: WeakRef<Entry>[] = [];
  table.put(entry(0, 10));
  for (let number = 1; number <= 500; number++) {
    const large = entry(number, 100_000);
    table.put(large);
    refs.push(new WeakRef(large));
    table.remove(large);
  }
  // What a WeakRef was made of lives until the turn ends.
  await setImmediate();
  collectGarbage();
  expect(refs.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(15);
  expect([...table.after(undefined)].map(({ id }) => id)).toEqual(["id0"]);
});
