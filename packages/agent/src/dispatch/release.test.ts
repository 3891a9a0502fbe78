/** When a release takes refusals for what they say, and when it gives up: the bounds of its requests. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Release } from "./release.js";

const entry = (score: number) => ({ score, id: `id ${score}` });
type Entry = ReturnType<typeof entry>;
const idsOf = (suspects: readonly { readonly entry: Entry }[]) =>
  suspects.map(({ entry: { score } }) => score);

/** A search for one refused record in a batch of so many: each half that contains it is refused. */
function search(release: Release<Entry>, records: number): void {
  for (let part = records; part > 1; part = Math.ceil(part / 2)) release.refused("HTTP 400", part);
  release.refused("HTTP 400", 1);
}

/** How many refusals in a row of batches of this size the release takes before it gives up. */
function patience(release: Release<Entry>, records: number): number {
  for (let refusals = 1; ; refusals++) {
    release.refused("HTTP 451", records);
    if (release.refusesEverything !== undefined) return refusals;
    if (refusals > 1_000) throw new Error("it never gives up");
  }
}

describe("a release", () => {
  it("has no reason to give up before anything is refused, nor once something is accepted", () => {
    const release = new Release<Entry>();
    expect([release.refusesEverything, release.hasRefusedEverything]).toEqual([undefined, undefined]);
    patience(release, 8);
    expect(release.refusesEverything).toBe("everything is refused: HTTP 451");
    expect(release.hasRefusedEverything).toBe("everything is refused: HTTP 451");
    release.accepted([]);
    expect([release.refusesEverything, release.hasRefusedEverything]).toEqual([undefined, undefined]);
    release.refused("HTTP 400", 1);
    expect(release.hasRefusedEverything).toBeUndefined();
  });

  it("has time for one search through a batch of any size, and for little more, before anything is accepted", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 100_000 }), (records) => {
        const release = new Release<Entry>();
        search(release, records);
        expect(release.refusesEverything).toBeUndefined();
        const depth = Math.ceil(Math.log2(records)) + 1;
        expect(patience(new Release(), records)).toBe(Math.min(2 * depth, depth + 3));
      }),
    );
  });

  it("tries two single records before it takes refusals for a middlebox's", () => {
    expect(patience(new Release(), 1)).toBe(2);
  });

  it("has time for a search after another once something was accepted, whose depth is that of the largest batch", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.nat(20), (records, earlier) => {
        const release = new Release<Entry>();
        for (let search = 0; search < earlier; search++) {
          release.refused("HTTP 400", 100_000);
          release.accepted([]);
        }
        release.accepted([]);
        const depth = Math.ceil(Math.log2(records)) + 1;
        release.refused("HTTP 400", records);
        expect(patience(release, 1)).toBe(2 * depth + 2);
      }),
    );
  });

  it("skips three batches in a row that are refused as a whole, if anything was accepted, and searches each", () => {
    const release = new Release<Entry>();
    patience(release, 8);
    expect(release.skipBatch()).toBe(false);
    release.accepted([]);
    const skipped = [1, 2, 3, 4].map(() => {
      const taken = patience(release, 8);
      return [taken, release.skipBatch()];
    });
    expect(skipped).toEqual([
      [11, true],
      [11, true],
      [11, true],
      [11, false],
    ]);
    // The depth of a skipped batch's search doesn't count for the next.
    expect(patience(release, 1)).toBe(5);
    release.accepted([]);
    expect(release.skipBatch()).toBe(true);
  });

  it("spends 256 refusals on searches, accepted or not", () => {
    const release = new Release<Entry>();
    let refusals = 0;
    for (; release.maySearch; refusals++) {
      release.refused("HTTP 400", 1);
      release.accepted([]);
    }
    expect(refusals).toBe(256);
  });
});

describe("a suspect", () => {
  it("is sent again once something else was accepted, and once in a release", () => {
    const release = new Release<Entry>();
    release.suspect(entry(1), "HTTP 400");
    expect(release.takeSuspects()).toEqual([]);
    release.accepted([entry(2)]);
    expect(release.takeSuspects()).toEqual([{ entry: entry(1), reason: "HTTP 400" }]);
    expect(release.takeSuspects()).toEqual([]);
    release.suspect(entry(1), "HTTP 400");
    release.suspect(entry(3), "HTTP 400");
    expect(idsOf(release.takeSuspects())).toEqual([3]);
  });

  it("is cleared if it is accepted meanwhile", () => {
    const release = new Release<Entry>();
    for (const score of [1, 2, 3]) release.suspect(entry(score), "HTTP 400");
    release.accepted([entry(2), entry(4)]);
    expect(idsOf(release.takeSuspects())).toEqual([1, 3]);
  });

  it("is one of three at most at the end of the queue, the first ones, and may be found again", () => {
    const release = new Release<Entry>();
    for (const score of [1, 2, 3, 4, 5]) release.suspect(entry(score), "HTTP 400");
    release.endOfQueue();
    release.accepted([]);
    expect(idsOf(release.takeSuspects())).toEqual([1, 2, 3]);
    release.suspect(entry(5), "HTTP 400");
    expect(idsOf(release.takeSuspects())).toEqual([5]);
  });
});
