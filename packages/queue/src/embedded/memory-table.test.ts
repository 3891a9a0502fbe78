import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, it } from "vitest";
import { comparePositions } from "../order.js";
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

const action = fc.oneof(
  { weight: 3, arbitrary: fc.record({ put: fc.nat(40), score: fc.nat(12), value: fc.option(fc.nat(30)) }) },
  { weight: 1, arbitrary: fc.record({ remove: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ after: fc.nat(14), id: fc.nat(40) }) },
);

it("has what was put and not removed, in order, and knows how much that is", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80, size: "max" }), fc.boolean(), (actions, isLate) => {
      const table = new Table();
      const known = new Map<string, Entry>();
      // More than a list has, so that late ones split lists.
      for (let n = 0; n < 700; n++) {
        const one = { ...entry(n, 1), id: `base${n}`, score: isLate ? 700 - n : n };
        table.put(one);
        known.set(one.id, one);
      }
      for (const [number, one] of actions.entries()) {
        if ("put" in one) {
          const value = one.value === null ? undefined : "x".repeat(one.value);
          const made = { id: `id${one.put}`, score: one.score * 100, number, value, live: true };
          const before = known.get(made.id);
          expect(table.put(made)).toBe(before);
          known.set(made.id, made);
        } else if ("remove" in one) {
          const left = known.get(`id${one.remove}`);
          if (left === undefined) continue;
          table.remove(left);
          table.remove(left);
          known.delete(left.id);
        } else {
          const from = { score: one.after * 100, id: `id${one.id}` };
          const expected = [...known.values()].filter((other) => comparePositions(other, from) > 0);
          expect([...table.after(from)]).toEqual(expected.sort(comparePositions));
        }
      }
      expect([...table.after(undefined)]).toEqual([...known.values()].sort(comparePositions));
      const texts = [...known.values()].reduce(
        (sum, { id, value }) => sum + id.length + (value?.length ?? 0),
        0,
      );
      expect([table.size, table.textBytes]).toEqual([known.size, texts]);
      expect(table.bytes).toBe(texts + known.size * 200);
      expect(table.valueless).toBe([...known.values()].filter(({ value }) => value === undefined).length);
      for (const id of ["id0", "base7", "nobody"]) expect(table.get(id)).toBe(known.get(id));
    }),
    { numRuns: 15 },
  );
});

/** Entries that count how often somebody looks whether they are still there. */
function watched(count: number) {
  const visits = { count: 0 };
  const entries = Array.from({ length: count }, (_, number) => {
    let live = true;
    return Object.defineProperty(entry(number, 1), "live", {
      get: () => {
        visits.count += 1;
        return live;
      },
      set: (is: boolean) => {
        live = is;
      },
    });
  });
  const since = () => {
    const { count } = visits;
    visits.count = 0;
    return count;
  };
  return { entries, since };
}

it("those that have left in numbers are passed no more, and a few of them cost the others nothing", () => {
  const table = new Table();
  // What was in it before, and has all left, doesn't count.
  const former = watched(1_000);
  for (const one of [...former.entries, entry(5_000, 3_000_000)]) table.put(one);
  for (const one of [...table.after(undefined)]) table.remove(one);
  former.since();
  expect([...table.after(undefined)]).toEqual([]);
  expect(former.since()).toBe(0);

  const { entries, since } = watched(400);
  for (const one of entries) table.put(one);
  for (const one of entries.slice(0, 300)) table.remove(one);
  // Each looks at itself.
  expect(since()).toBe(300);

  const many = watched(3_000);
  const other = new Table();
  for (const one of many.entries) other.put(one);
  for (const one of many.entries.slice(0, 2_900)) other.remove(one);
  many.since();
  expect([...other.after(undefined)]).toEqual(many.entries.slice(2_900));
  expect(many.since()).toBeLessThan(1_500);
});
