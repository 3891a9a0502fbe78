import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fairShare, type Place, Share } from "./share.js";

describe("fair shares", () => {
  it("add up to all shards, and differ by one at most", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 20 }), (shards, members) => {
        const shares = Array.from({ length: members }, (_, place) => fairShare(shards, members, place));
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(shards);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe("a share", () => {
  it("admits no more than its limit, however many are tried at the same moment", () => {
    const share = new Share();
    expect(share.enter()).toBeUndefined();
    share.limit = 2;
    const places = [share.enter(), share.enter(), share.enter()];
    expect(places.map((place) => place !== undefined)).toEqual([true, true, false]);
    places[0]?.leave();
    expect(share.enter()).toBeDefined();
  });

  it("gives up one after another above its limit, the last one first, and none within it", () => {
    const share = new Share();
    share.limit = 3;
    const places = [1, 2, 3].flatMap((): readonly Place[] => [share.enter() ?? []].flat());
    const over = () => places.map(({ isOver }) => isOver.aborted);
    share.giveUpOne();
    expect(over()).toEqual([false, false, false]);
    share.limit = 1;
    share.giveUpOne();
    share.giveUpOne();
    expect(over()).toEqual([false, false, true]);
    places[2]?.leave();
    share.giveUpOne();
    expect(over()).toEqual([false, true, true]);
    places[1]?.leave();
    share.giveUpOne();
    expect(over()).toEqual([false, true, true]);
  });
});
