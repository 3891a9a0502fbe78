import fc from "fast-check";
import { expect, it } from "vitest";
import { RemovedSet } from "./removed-set.js";

/** Neighbours as well as single ones, since records mostly leave in order. */
const steps = fc.array(fc.tuple(fc.nat(130), fc.integer({ min: 1, max: 40 })), { maxLength: 8 });

it("has what was added once, counts it, and finds the next that wasn't", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 120 }), steps, (size, ranges) => {
      const set = new RemovedSet(size);
      const known = new Set<number>();
      const added: boolean[] = [];
      const expected: boolean[] = [];
      for (const [from, count] of ranges) {
        for (let ordinal = from; ordinal < from + count; ordinal++) {
          // Whole bytes are kept: the few ordinals beyond the size do no harm.
          const fits = ordinal < Math.ceil(size / 8) * 8;
          added.push(set.add(ordinal));
          expected.push(fits && !known.has(ordinal));
          if (fits) known.add(ordinal);
        }
      }
      expect(added).toEqual(expected);
      const nextAbsent = (from: number) => {
        let next = from;
        while (known.has(next)) next += 1;
        return next;
      };
      const copy = set.copy();
      const sorted = [...known].sort((a, b) => a - b);
      for (const one of [set, copy]) {
        expect([...one.ordinals()]).toEqual(sorted);
        expect(one.count).toBe(known.size);
        const ordinals = Array.from({ length: size + 20 }, (_, ordinal) => ordinal);
        expect(ordinals.filter((ordinal) => one.has(ordinal))).toEqual(
          ordinals.filter((each) => known.has(each)),
        );
        expect(ordinals.map((ordinal) => one.nextAbsent(ordinal))).toEqual(ordinals.map(nextAbsent));
      }
      const absent = set.nextAbsent(0);
      if (copy.add(absent)) expect([set.has(absent), set.count]).toEqual([false, known.size]);
    }),
    { numRuns: 60 },
  );
});
