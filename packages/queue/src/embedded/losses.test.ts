/** Each loss is counted, or reported as unknown, and nothing else is. */
import { expect, it } from "vitest";
import { Content } from "./content.js";
import { Losses } from "./losses.js";

const BOOT = "this boot";
const opened = (boot: string, isDurable = false) =>
  ({ kind: "opened", version: 1, boot, isDurable, nextNumber: 1 }) as const;
const closed = { kind: "closed" } as const;

/** A queue "q" of so many records. */
function contentOf(count: number): Content {
  const content = new Content();
  const records = Array.from({ length: count }, (_, n) => ({ score: n, id: `${n}`, value: "v" }));
  content.apply({ writes: [{ queue: "q", first: 1, records }] });
  return content;
}

const stateOf = ({ hasDamage, hasGap, isUnknown, isPowerLost, lost, damagedBytes }: Losses) => ({
  ...{ hasDamage, hasGap, isUnknown, isPowerLost, lost: lost.get("q"), damagedBytes },
});
const NOTHING = {
  ...{ hasDamage: false, hasGap: false, isUnknown: false, isPowerLost: false, lost: undefined },
  damagedBytes: 0,
};

it("an ordinary end and a kill lose nothing", () => {
  for (const last of [closed, opened(BOOT)]) {
    const losses = new Losses();
    losses.end({ last, opened: opened(BOOT) }, BOOT);
    expect(stateOf(losses)).toEqual(NOTHING);
  }
});

it("a power cut loses an unknown number, unless confirmed writes were on disk", () => {
  const cuts = (isDurable: boolean) => [
    { last: opened("before", isDurable), opened: opened("before", isDurable) },
    { last: undefined, opened: opened(BOOT, isDurable) },
  ];
  for (const marks of cuts(false)) {
    const losses = new Losses();
    losses.end(marks, BOOT);
    expect(stateOf(losses)).toEqual({ ...NOTHING, isPowerLost: true, isUnknown: true });
  }
  for (const marks of cuts(true)) {
    const losses = new Losses();
    losses.tailDamaged(7);
    losses.end(marks, BOOT);
    expect(stateOf(losses)).toEqual({ ...NOTHING, damagedBytes: 7 });
  }
  const none = new Losses();
  none.end({ last: opened("before"), opened: undefined }, BOOT);
  expect(none.isPowerLost).toBe(true);
});

it("bytes that a power cut kept from the disk are no gap, though what was in them is unknown", () => {
  const losses = new Losses();
  losses.cut(9);
  expect(stateOf(losses)).toEqual({ ...NOTHING, isUnknown: true, damagedBytes: 9 });
  losses.end({ last: opened(BOOT), opened: opened(BOOT) }, BOOT);
  expect(losses.isPowerLost).toBe(true);
});

it("a damaged end is a gap of unknown size, unless the store was closed after it", () => {
  const damaged = () => {
    const losses = new Losses();
    losses.tailDamaged(5);
    return losses;
  };
  const killed = damaged();
  expect(killed.hasGap).toBe(true);
  killed.observe(new Map([["q", 5]]), contentOf(3), true);
  killed.end({ last: opened(BOOT), opened: opened(BOOT, true) }, BOOT);
  expect(stateOf(killed)).toEqual({ ...NOTHING, hasGap: true, isUnknown: true, lost: 2, damagedBytes: 5 });
  const wasClosed = damaged();
  wasClosed.end({ last: closed, opened: opened(BOOT) }, BOOT);
  expect(stateOf(wasClosed)).toEqual({ ...NOTHING, damagedBytes: 5 });
});

it("what is missing is counted by the last sizes that were read, less what was found elsewhere", () => {
  const count = (size: number, there: number, found = 0) => {
    const losses = new Losses();
    losses.missing();
    expect(stateOf(losses)).toEqual({ ...NOTHING, hasDamage: true, hasGap: true, isUnknown: true });
    losses.observe(new Map([["q", 1_000]]), contentOf(0), false);
    expect(losses.isUnknown).toBe(true);
    losses.observe(new Map([["q", size]]), contentOf(there), true);
    expect(losses.isUnknown).toBe(false);
    losses.found("q", found);
    losses.found("other", 3);
    losses.end({ last: closed, opened: opened(BOOT) }, BOOT);
    return [losses.lost.get("q"), losses.isUnknown, losses.lost.size];
  };
  expect(count(10, 7)).toEqual([3, false, 1]);
  expect(count(10, 7, 1)).toEqual([2, false, 1]);
  expect(count(10, 7, 3)).toEqual([undefined, false, 0]);
  expect(count(10, 10)).toEqual([undefined, false, 0]);
  // A removal is missing: more may have left than is known.
  expect(count(10, 11)).toEqual([undefined, true, 0]);
  const whole = new Losses();
  whole.observe(new Map([["q", 10]]), contentOf(7), true);
  whole.end({ last: closed, opened: opened(BOOT) }, BOOT);
  expect(stateOf(whole)).toEqual(NOTHING);
});

it("files that can't be read are to be moved away, and those of another version are no power cut", () => {
  const losses = new Losses();
  losses.unreadable("/a", 11);
  losses.damaged(2);
  expect([...losses.unreadablePaths]).toEqual(["/a"]);
  expect(stateOf(losses)).toMatchObject({ hasDamage: true, isUnknown: true, damagedBytes: 13 });
  expect(losses.isOtherVersion).toBe(false);
  const other = new Losses();
  other.otherVersion("/b");
  other.end({ last: opened("before"), opened: opened("before") }, BOOT);
  expect([...other.unreadablePaths]).toEqual(["/b"]);
  expect(stateOf(other)).toMatchObject({
    hasDamage: true,
    isUnknown: true,
    isPowerLost: false,
    damagedBytes: 0,
  });
  expect(other.isOtherVersion).toBe(true);
});
