import fc from "fast-check";
import { expect, it } from "vitest";
import { comparePositions, countThrough } from "./order.js";

const id = fc.string({ unit: "binary", maxLength: 5 });
const position = fc.record({ score: fc.constantFrom(-Infinity, -1, 0, 1, Infinity), id });

it("positions are in order of score, then of the bytes of their ids", () => {
  const edges = [
    "",
    "a",
    "aa",
    "b",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\u{10000}",
    "\u{10ffff}",
    "a\u{10000}",
    "a\uffff",
  ];
  const any = fc.oneof(position, fc.record({ score: fc.constant(0), id: fc.constantFrom(...edges) }));
  fc.assert(
    fc.property(any, any, (a, b) => {
      const bytes = Buffer.compare(Buffer.from(a.id), Buffer.from(b.id));
      const expected = a.score === b.score ? bytes : Math.sign(a.score - b.score);
      expect(Math.sign(comparePositions(a, b))).toBe(expected);
    }),
    { numRuns: 500 },
  );
});

it("the number of positions up to another is found in any sorted list", () => {
  fc.assert(
    fc.property(fc.array(position, { maxLength: 20 }), position, (some, other) => {
      const sorted = [...some].sort(comparePositions);
      for (const one of [...some, other]) {
        expect(countThrough(sorted, one)).toBe(
          sorted.filter((each) => comparePositions(each, one) <= 0).length,
        );
      }
    }),
  );
});
