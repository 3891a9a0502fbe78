import { type Milliseconds, milliseconds } from "@chouette-iot/record";
import fc from "fast-check";
import { expect, it } from "vitest";
import { MemoryBudget, type MemoryHolder } from "./memory-budget.js";

class Holder implements MemoryHolder {
  lastProgress: Milliseconds = milliseconds(0);
  isClosed = false;
  bytes = 0;
  readonly #budget: MemoryBudget;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  hold(bytes: number, at = 0): void {
    this.lastProgress = milliseconds(at);
    this.bytes = bytes;
    this.#budget.report(this, bytes);
  }

  closeForMemory(): void {
    this.isClosed = true;
    this.bytes = 0;
    this.#budget.report(this, 0);
  }
}

function budgetOf(limit: number) {
  const clock = { time: 0 };
  const budget = new MemoryBudget(limit, () => milliseconds(clock.time));
  return { budget, clock, holders: Array.from({ length: 4 }, () => new Holder(budget)) };
}

const closed = (holders: readonly Holder[]) =>
  holders.flatMap(({ isClosed }, index) => (isClosed ? [index] : []));

it("closes the largest holder, and no more than it must", () => {
  const { holders } = budgetOf(100);
  for (const [index, bytes] of [30, 45, 20, 10].entries()) holders[index]?.hold(bytes);
  expect(closed(holders)).toEqual([1]);
});

it("closes one that got on lately only if no other is left", () => {
  const { clock, holders } = budgetOf(100);
  holders[0]?.hold(30, 0);
  holders[1]?.hold(20, 0);
  clock.time = 1_500;
  holders[2]?.hold(60, 1_500);
  expect(closed(holders)).toEqual([0]);
  holders[2]?.hold(90, 1_500);
  expect(closed(holders)).toEqual([0, 1]);
  holders[2]?.hold(101, 1_500);
  expect(closed(holders)).toEqual([0, 1, 2]);
});

it("wakes those that wait once little enough is on its way to the disk", () => {
  const { budget } = budgetOf(100);
  const [first, second] = [budget.storing(40), budget.storing(30)];
  let woken = 0;
  budget.whenRelieved(() => woken++);
  expect(budget.isCongested).toBe(true);
  second();
  expect([woken, budget.isCongested]).toEqual([1, false]);
  first();
  expect([woken, budget.bytes]).toEqual([1, 0]);
});

it("never holds more than its limit, and counts what the holders hold, whatever they do", () => {
  const steps = fc.array(fc.record({ holder: fc.nat(3), bytes: fc.nat(120), at: fc.nat(3_000) }));
  fc.assert(
    fc.property(steps, (steps) => {
      const { budget, clock, holders } = budgetOf(100);
      for (const { holder, bytes, at } of steps) {
        clock.time = at;
        holders[holder]?.hold(bytes, at);
        expect(budget.bytes).toBeLessThanOrEqual(100);
        expect(budget.bytes).toBe(holders.reduce((sum, { bytes }) => sum + bytes, 0));
      }
    }),
  );
});
