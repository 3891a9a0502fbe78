/** An id that is in a run is always found: else a record could be stored twice. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashId } from "./id-filter.js";
import { RunIds } from "./run-ids.js";

const hashesOf = (run: number, count: number) =>
  Uint32Array.from({ length: count }, (_, index) => hashId(`run-${run}-${index}`));

describe("the ids of runs", () => {
  it("has every id of the runs that are there, however they come and go", () => {
    const step = fc.oneof(
      fc.record({ add: fc.integer({ min: 0, max: 20_000 }), isKnown: fc.boolean() }),
      fc.record({ drop: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const ids = new RunIds();
        let runs: { readonly id: number; readonly count: number }[] = [];
        for (const [id, change] of steps.entries()) {
          if ("add" in change) {
            ids.add(id, change.isKnown ? hashesOf(id, change.add) : undefined);
            runs.push({ id, count: change.add });
          } else {
            runs = runs.filter((_, index) => index !== change.drop % Math.max(1, runs.length));
          }
          ids.keep(runs);
          for (const { id: run, count } of runs) {
            expect(hashesOf(run, count).every((hash) => ids.mayHave(hash))).toBe(true);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it("has hardly any other id, and none once the runs have gone", () => {
    const ids = new RunIds();
    for (let run = 0; run < 20; run++) ids.add(run, hashesOf(run, 10_000));
    const others = hashesOf(-1, 10_000);
    expect(others.filter((hash) => ids.mayHave(hash)).length).toBeLessThan(500);
    ids.keep([]);
    expect(others.some((hash) => ids.mayHave(hash))).toBe(false);
  });
});
